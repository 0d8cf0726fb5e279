//! Believing nothing of a W3C credential (VCDM 1.1 and 2.0, Bitstring Status List §3.2).

use chancery_credential::Jwk;
use chancery_credential::jose::{Header, Jws};
use chancery_credential::status_list::{Purpose, StatusEntryReference, verify_bitstring};
use chancery_credential::w3c::{self, Model};
use chancery_domain::CredentialStatus;
use chancery_protocol::issuer_metadata::CredentialConfiguration;
use serde_json::{Map, Value};
use url::Url;

use super::failure::{ClaimError, Step};
use super::issuer::Issuer;
use super::issuer_keys::{DID_DOCUMENT, DidDocument, KeySource, PublishedKeys, did_document_address};
use super::keys::HolderKey;
use super::verify::{Published, Sound, mandatory_claims, take_proven};
use super::{Wallet, link, success};

/// The media type of a list credential.
const VC_JWT: &str = "application/vc+jwt";

impl Wallet {
    /// Verifies one copy; the key that it is bound to leaves `keys`, since no two copies may share one.
    pub(super) async fn verify_w3c(
        &self,
        issuer: &Issuer,
        configuration: &CredentialConfiguration,
        published: &PublishedKeys,
        (model, credential): (Model, &str),
        keys: &mut Vec<HolderKey>,
    ) -> Result<Sound, ClaimError> {
        let step = Step::Verification;
        let (did, key) = self.did_key(credential, issuer, published).await?;
        let found = |_: &Header| Some(key.clone());
        let verified = w3c::verify(credential, model, &found, self.now())
            .map_err(|error| step.unexpected("a W3C credential that verifies", error))?;
        step.expect(
            verified.issuer == did,
            format_args!("the issuer {did:?}, whose key signed"),
            format_args!("{:?}", verified.issuer),
        )?;
        let types = configuration.credential_definition.as_ref().map(|one| one.r#type.clone());
        step.expect(
            types.as_ref() == Some(&verified.types),
            format_args!("the types {types:?} as in the metadata"),
            format_args!("{:?}", verified.types),
        )?;
        step.expect(
            verified.valid_from.unix_timestamp() % 3600 == 0,
            "times that are rounded to the hour, since they would link copies",
            verified.valid_from,
        )?;
        mandatory_claims(configuration, &verified.credential)?;
        let mut claims = match verified.credential.get("credentialSubject") {
            Some(Value::Object(subject)) => subject.clone(),
            _ => Map::new(),
        };
        claims.shift_remove("id");
        Ok(Sound {
            claims,
            expires_at: verified.expires_at,
            status: Published::Bitstrings(verified.status),
            key_found_by: vec![KeySource::Did, KeySource::JwtVcIssuer],
            holder: take_proven(keys, &verified.holder)?,
        })
    }

    /// What the lists of all purposes say.
    pub(super) async fn status_of_w3c(
        &self,
        issuer: &Issuer,
        published: &PublishedKeys,
        entries: &[(Purpose, StatusEntryReference)],
    ) -> Result<CredentialStatus, ClaimError> {
        let step = Step::Status;
        let mut status = CredentialStatus::Valid;
        for (purpose, StatusEntryReference { uri, index }) in entries {
            let url = link::endpoint(step, uri)?;
            let answer = self.fetch(step, &url, VC_JWT).await?;
            success(step, &answer, "200 with a status list credential")?;
            let media_type = answer.media_type();
            step.expect(
                media_type == VC_JWT,
                format_args!("Content-Type {VC_JWT} from {url}"),
                format_args!("{media_type:?}"),
            )?;
            let token = String::from_utf8_lossy(&answer.body);
            let (did, key) = self.did_key(&token, issuer, published).await?;
            let list = verify_bitstring(&token, uri, *purpose, &|_| Some(key.clone()), self.now());
            let list = list.filter(|(name, _)| *name == did);
            let set = list.and_then(|(_, bits)| bits.get(*index));
            let set = set.ok_or_else(|| {
                step.unexpected(format_args!("a list credential at {uri} with the index {index}"), "another")
            })?;
            match purpose {
                Purpose::Revocation if set => status = CredentialStatus::Revoked,
                Purpose::Suspension if set && status == CredentialStatus::Valid => {
                    status = CredentialStatus::Suspended;
                }
                _ => {}
            }
        }
        Ok(status)
    }

    /// The issuer's DID and its key, by the `kid` of a JWS: from the DID document that the issuer itself serves, and
    /// the same that it lists otherwise.
    async fn did_key(
        &self,
        jws: &str,
        issuer: &Issuer,
        published: &PublishedKeys,
    ) -> Result<(String, Jwk), ClaimError> {
        let step = Step::IssuerKey;
        let jws = Jws::parse(jws).map_err(|error| step.unexpected("a JWS", error))?;
        let method = jws.header().key_id().and_then(|kid| kid.split_once('#'));
        let (did, key_id) = method.ok_or_else(|| step.unexpected("a DID URL as kid", "none"))?;
        let url = Url::parse(issuer.identifier());
        let url = url.map_err(|error| step.unexpected("an issuer identifier that is a URL", error))?;
        let document: DidDocument =
            self.fetch_document(step, &did_document_address(&url), &DID_DOCUMENT).await?;
        let key = document.key(did, key_id)?;
        let listed = published.in_jwt_vc_issuer(key_id)?;
        step.expect(key == listed, "the same key in the DID document and in jwt-vc-issuer", "two")?;
        Ok((did.to_owned(), key))
    }
}
