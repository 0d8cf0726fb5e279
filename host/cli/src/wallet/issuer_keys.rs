//! The key that signed a credential, found in every way that there is: by the
//! certificate in the header, by `jwt-vc-issuer` and by the DID document. A
//! verifier uses one of them, each verifier another; so they must agree.

use chancery_credential::jose::Header;
use chancery_credential::x509::{CertificateChain, ChainError, may_sign_documents, verify_leaf};
use chancery_credential::{Jwk, did};
use chancery_protocol::well_known::WellKnown;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::failure::{ClaimError, Step};
use super::{Wallet, link};

/// RFC 7517 §8.5.1; plain JSON is common.
const KEY_SET: [&str; 2] = ["application/jwk-set+json", "application/json"];

/// did:web leaves the media type open.
pub(super) const DID_DOCUMENT: [&str; 4] =
    ["application/did+json", "application/did+ld+json", "application/did", "application/json"];

/// A way to an issuer's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// The leaf of the certificate chain in the header (`x5c`).
    Certificate,
    /// The issuer's `jwt-vc-issuer` document (SD-JWT VC §3.5).
    JwtVcIssuer,
    /// The DID document of the issuer's did:web.
    Did,
}

impl KeySource {
    /// What people call the way.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "x5c",
            Self::JwtVcIssuer => "jwt-vc-issuer",
            Self::Did => "did:web",
        }
    }
}

/// The keys that an issuer publishes, fetched once for a claim.
#[derive(Debug)]
pub(crate) struct PublishedKeys {
    listed: KeySet,
    /// DID and document, where the issuer identifier has a did:web.
    did: Option<(String, DidDocument)>,
}

/// `jwt-vc-issuer` (SD-JWT VC §3.5).
#[derive(Debug, Deserialize)]
struct JwtVcIssuer {
    issuer: String,
    jwks: Option<KeySet>,
    jwks_uri: Option<String>,
}

/// RFC 7517 §5. Keys stay as they are until one is asked for: others may be of kinds that we do not know.
#[derive(Debug, Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// What of a DID document leads to a key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DidDocument {
    pub(super) id: String,
    #[serde(default)]
    verification_method: Vec<VerificationMethod>,
    /// Ids, or whole methods.
    #[serde(default)]
    assertion_method: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerificationMethod {
    id: String,
    public_key_jwk: Option<Value>,
}

impl Wallet {
    /// Fetches what the issuer publishes for verifiers.
    pub(crate) async fn published_keys(&self, issuer: &str) -> Result<PublishedKeys, ClaimError> {
        let step = Step::IssuerKey;
        let url = link::identifier(step, issuer)?;
        let document: JwtVcIssuer = self.fetch_json(step, &WellKnown::JwtVcIssuer.inserted(&url)).await?;
        step.expect(
            document.issuer == issuer,
            format_args!("jwt-vc-issuer for {issuer:?}, byte for byte"),
            format_args!("{:?}", document.issuer),
        )?;
        let either = "exactly one of jwks and jwks_uri in jwt-vc-issuer";
        let listed = match (document.jwks, document.jwks_uri) {
            (Some(keys), None) => keys,
            (None, Some(uri)) => self.fetch_document(step, &link::endpoint(step, &uri)?, &KEY_SET).await?,
            (Some(_), Some(_)) => return Err(step.unexpected(either, "both")),
            (None, None) => return Err(step.unexpected(either, "neither")),
        };
        let did = match did::did_web(issuer) {
            None => None,
            Some(did) => {
                let at = did_document_address(&url);
                Some((did, self.fetch_document(step, &at, &DID_DOCUMENT).await?))
            }
        };
        Ok(PublishedKeys { listed, did })
    }

    /// The one key for a header, and the ways that lead to it.
    pub(crate) fn issuer_key(
        &self,
        header: &Header,
        issuer: &str,
        published: &PublishedKeys,
    ) -> Result<(Jwk, Vec<KeySource>), ClaimError> {
        let step = Step::IssuerKey;
        let key_id = header.key_id();
        let key_id = key_id.ok_or_else(|| step.unexpected("a kid in the header", "none"))?;
        let listed = published.in_jwt_vc_issuer(key_id)?;
        let chain = header.x5c();
        let chain =
            chain.ok_or_else(|| step.unexpected("a certificate chain (x5c) in the header", "none"))?;
        let mut found = vec![
            (KeySource::Certificate, self.certified_key(&chain, issuer, &listed)?),
            (KeySource::JwtVcIssuer, listed),
        ];
        if let Some(key) = published.in_did_document(key_id)? {
            found.push((KeySource::Did, key));
        }
        agree(&found)
    }

    /// The one key for a chain without anything beside it, as mdocs have it: a key that the issuer lists, too.
    pub(crate) fn key_of_chain(
        &self,
        chain: &[String],
        issuer: &str,
        published: &PublishedKeys,
    ) -> Option<Jwk> {
        let chain: Vec<_> = chain.iter().map(String::as_str).collect();
        let listed = published.listed.keys.iter().filter_map(|key| Jwk::parse(key).ok());
        listed
            .into_iter()
            .find(|key| self.certified_key(&chain, issuer, key).is_ok_and(|certified| certified == *key))
            .filter(|_| chain.first().is_some_and(|leaf| may_sign_documents(leaf)))
    }

    /// The key of the leaf, whose chain is sound and whose subject is the issuer.
    ///
    /// With trust anchors the chain must lead to one. Without, nobody can say who vouches for it:
    /// then it must hold together and certify the key that the issuer lists.
    fn certified_key(&self, chain: &[&str], issuer: &str, listed: &Jwk) -> Result<Jwk, ClaimError> {
        let step = Step::IssuerKey;
        let unsound = |error: ChainError| step.unexpected("a sound certificate chain (x5c)", error);
        let (key, names_issuer) = if self.settings.anchors.is_empty() {
            let pem: String = chain.iter().map(|certificate| to_pem(certificate)).collect();
            let sound = CertificateChain::from_pem(&pem, listed).map_err(unsound)?;
            step.expect(
                sound.x5c().len() == chain.len(),
                "a certificate chain (x5c) without its trust anchor (HAIP 1.0 §6.1.1)",
                "one with it",
            )?;
            step.expect(
                (sound.valid_from()..sound.expires_at()).contains(&self.now()),
                "certificates that are valid now",
                format_args!("{} to {}", sound.valid_from(), sound.expires_at()),
            )?;
            (sound.public_jwk().clone(), sound.names(issuer))
        } else {
            let leaf = verify_leaf(chain, &self.settings.anchors, self.now()).map_err(unsound)?;
            (leaf.public_jwk().clone(), leaf.names(issuer))
        };
        step.expect(names_issuer, format_args!("a certificate that names {issuer}"), "one that does not")?;
        Ok(key)
    }
}

fn to_pem(certificate: &str) -> String {
    let lines: Vec<_> =
        certificate.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

impl PublishedKeys {
    pub(super) fn in_jwt_vc_issuer(&self, key_id: &str) -> Result<Jwk, ClaimError> {
        let is_it = |key: &&Value| key.get("kid").and_then(Value::as_str) == Some(key_id);
        only(self.listed.keys.iter().filter(is_it), "jwt-vc-issuer", key_id)
    }

    fn in_did_document(&self, key_id: &str) -> Result<Option<Jwk>, ClaimError> {
        let Some((did, document)) = &self.did else { return Ok(None) };
        document.key(did, key_id).map(Some)
    }
}

impl DidDocument {
    /// The key by which the DID asserts, if the document is its own.
    pub(super) fn key(&self, did: &str, key_id: &str) -> Result<Jwk, ClaimError> {
        let (step, document) = (Step::IssuerKey, self);
        step.expect(
            document.id == did,
            format_args!("a DID document with the id {did}"),
            format_args!("{:?}", document.id),
        )?;
        let method_id = format!("{did}#{key_id}");
        let methods = document.verification_method.iter().filter(|method| method.id == method_id);
        let keys = methods.filter_map(|method| method.public_key_jwk.as_ref());
        let key = only(keys, "the DID document", &method_id)?;
        let asserted = document.assertion_method.iter().any(|method| *method == *method_id);
        step.expect(asserted, format_args!("{method_id} under assertionMethod"), "others or none")?;
        Ok(key)
    }
}

/// The one key of that id; two would let the issuer choose later which one it meant.
fn only<'a>(mut keys: impl Iterator<Item = &'a Value>, place: &str, id: &str) -> Result<Jwk, ClaimError> {
    let expected = format!("one key {id} in {place}");
    match (keys.next(), keys.next()) {
        (Some(key), None) => Jwk::parse(key).map_err(|error| Step::IssuerKey.unexpected(expected, error)),
        (None, _) => Err(Step::IssuerKey.unexpected(expected, "none")),
        (Some(_), Some(_)) => Err(Step::IssuerKey.unexpected(expected, "several")),
    }
}

/// All ways must lead to the same key.
fn agree(found: &[(KeySource, Jwk)]) -> Result<(Jwk, Vec<KeySource>), ClaimError> {
    let thumbprints = || {
        let each = found.iter().map(|(source, key)| format!("{} by {}", key.thumbprint(), source.as_str()));
        each.collect::<Vec<_>>().join(", ")
    };
    let mut keys = found.iter().map(|(_, key)| key);
    match keys.next() {
        Some(first) if keys.all(|key| key == first) => {
            Ok((first.clone(), found.iter().map(|(source, _)| *source).collect()))
        }
        _ => Err(Step::IssuerKey.unexpected("the same key in every way", thumbprints())),
    }
}

/// did:web §3.2: below the path, or at the well-known place of a bare host.
pub(super) fn did_document_address(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    match issuer.path().trim_end_matches('/') {
        "" => url.set_path("/.well-known/did.json"),
        path => url.set_path(&format!("{path}/did.json")),
    }
    url
}

#[cfg(test)]
mod tests {
    use chancery_credential::SigningKey;
    use serde_json::json;

    use super::*;

    fn key(byte: u8) -> Jwk {
        SigningKey::es256(&[byte; 32]).unwrap().public_jwk().clone()
    }

    fn published(listed: &Jwk, in_did: &Jwk, kid: &str) -> PublishedKeys {
        let mut entry = listed.to_published();
        entry["kid"] = kid.into();
        let did = "did:web:issuer.example";
        let method = json!({"id": format!("{did}#{kid}"), "publicKeyJwk": in_did});
        let document = json!({
            "id": did,
            "verificationMethod": [method],
            "assertionMethod": [format!("{did}#{kid}")],
        });
        let document = serde_json::from_value(document).unwrap();
        PublishedKeys { listed: KeySet { keys: vec![entry] }, did: Some((did.into(), document)) }
    }

    #[test]
    fn the_ways_must_lead_to_the_same_key() {
        let same = published(&key(1), &key(1), "k");
        let ways = |published: &PublishedKeys| {
            agree(&[
                (KeySource::JwtVcIssuer, published.in_jwt_vc_issuer("k").unwrap()),
                (KeySource::Did, published.in_did_document("k").unwrap().unwrap()),
            ])
        };
        assert_eq!(ways(&same).unwrap().0, key(1));
        let error = ways(&published(&key(1), &key(2), "k")).unwrap_err().to_string();
        assert!(error.contains(&key(1).thumbprint()) && error.contains(&key(2).thumbprint()), "{error}");
    }

    #[test]
    fn an_unknown_a_doubled_or_an_unasserted_key_is_refused() {
        let mut published = published(&key(1), &key(1), "k");
        assert!(published.in_jwt_vc_issuer("other").unwrap_err().to_string().contains("found none"));
        assert!(published.in_did_document("other").is_err());
        let twin = published.listed.keys[0].clone();
        published.listed.keys.push(twin);
        assert!(published.in_jwt_vc_issuer("k").unwrap_err().to_string().contains("several"));
        published.did.as_mut().unwrap().1.assertion_method.clear();
        assert!(published.in_did_document("k").unwrap_err().to_string().contains("assertionMethod"));
    }

    #[test]
    fn the_did_document_lies_where_did_web_says() {
        let address = |issuer: &str| did_document_address(&Url::parse(issuer).unwrap()).to_string();
        assert_eq!(address("https://h"), "https://h/.well-known/did.json");
        assert_eq!(address("https://h:8443/acme"), "https://h:8443/acme/did.json");
    }
}
