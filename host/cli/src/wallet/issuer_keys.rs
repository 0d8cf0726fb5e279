//! The key that signed a credential, found in every way that there is: by the
//! certificate in the header, by `jwt-vc-issuer` and by the DID document. A
//! verifier uses one of them, each verifier another; so they must agree.

use chancery_credential::jose::Header;
use chancery_credential::x509::{CertificateChain, ChainError, verify_leaf};
use chancery_credential::{Jwk, did};
use chancery_protocol::well_known::WellKnown;
use serde_json::Value;
use url::Url;

use super::failure::{ClaimError, Step};
use super::{Wallet, link};

/// RFC 7517 §8.5.1; plain JSON is common.
const KEY_SET: [&str; 2] = ["application/jwk-set+json", "application/json"];

/// did:web leaves the media type open.
const DID_DOCUMENT: [&str; 4] =
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
    jwt_vc_issuer: Value,
    /// DID and document, where the issuer identifier has a did:web.
    did: Option<(String, Value)>,
}

impl Wallet {
    /// Fetches what the issuer publishes for verifiers.
    pub(crate) async fn published_keys(&self, issuer: &str) -> Result<PublishedKeys, ClaimError> {
        let step = Step::IssuerKey;
        let url = link::identifier(step, issuer)?;
        let mut document: Value = self.fetch_json(step, &WellKnown::JwtVcIssuer.inserted(&url)).await?;
        let named = document["issuer"].as_str().unwrap_or_default().to_owned();
        step.expect(
            named == issuer,
            format_args!("jwt-vc-issuer for {issuer:?}, byte for byte"),
            format_args!("{named:?}"),
        )?;
        let by_value = document.get("jwks").is_some();
        let by_reference = document["jwks_uri"].as_str().map(ToOwned::to_owned);
        step.expect(
            by_value != by_reference.is_some(),
            "exactly one of jwks and jwks_uri in jwt-vc-issuer",
            if by_value { "both" } else { "neither" },
        )?;
        if let Some(uri) = by_reference {
            document["jwks"] = self.fetch_document(step, &link::endpoint(step, &uri)?, &KEY_SET).await?;
        }
        let did = match did::did_web(issuer) {
            None => None,
            Some(did) => {
                Some((did, self.fetch_document(step, &did_document_address(&url), &DID_DOCUMENT).await?))
            }
        };
        Ok(PublishedKeys { jwt_vc_issuer: document, did })
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
        agree(found)
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
    fn in_jwt_vc_issuer(&self, key_id: &str) -> Result<Jwk, ClaimError> {
        let keys = self.jwt_vc_issuer["jwks"]["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
        only(keys.iter().filter(|key| key["kid"] == key_id), "jwt-vc-issuer", key_id)
    }

    fn in_did_document(&self, key_id: &str) -> Result<Option<Jwk>, ClaimError> {
        let step = Step::IssuerKey;
        let Some((did, document)) = &self.did else { return Ok(None) };
        step.expect(
            document["id"] == did.as_str(),
            format_args!("a DID document with the id {did}"),
            &document["id"],
        )?;
        let method_id = format!("{did}#{key_id}");
        let methods = document["verificationMethod"].as_array().map(Vec::as_slice).unwrap_or_default();
        let methods = methods.iter().filter(|method| method["id"] == method_id);
        let key = only(methods.map(|method| &method["publicKeyJwk"]), "the DID document", &method_id)?;
        let asserted =
            document["assertionMethod"].as_array().is_some_and(|all| all.contains(&method_id.clone().into()));
        step.expect(asserted, format_args!("{method_id} under assertionMethod"), "another or none")?;
        Ok(Some(key))
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
fn agree(found: Vec<(KeySource, Jwk)>) -> Result<(Jwk, Vec<KeySource>), ClaimError> {
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
fn did_document_address(issuer: &Url) -> Url {
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
        PublishedKeys { jwt_vc_issuer: json!({"jwks": {"keys": [entry]}}), did: Some((did.into(), document)) }
    }

    #[test]
    fn the_ways_must_lead_to_the_same_key() {
        let same = published(&key(1), &key(1), "k");
        let ways = |published: &PublishedKeys| {
            agree(vec![
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
        let keys = published.jwt_vc_issuer["jwks"]["keys"].as_array_mut().unwrap();
        keys.push(keys[0].clone());
        assert!(published.in_jwt_vc_issuer("k").unwrap_err().to_string().contains("several"));
        published.did.as_mut().unwrap().1["assertionMethod"] = json!([]);
        assert!(published.in_did_document("k").unwrap_err().to_string().contains("assertionMethod"));
    }

    #[test]
    fn the_did_document_lies_where_did_web_says() {
        let address = |issuer: &str| did_document_address(&Url::parse(issuer).unwrap()).to_string();
        assert_eq!(address("https://h"), "https://h/.well-known/did.json");
        assert_eq!(address("https://h:8443/acme"), "https://h:8443/acme/did.json");
    }
}
