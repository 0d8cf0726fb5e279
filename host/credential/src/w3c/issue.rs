//! From a dataset to a signed W3C credential.

use chancery_domain::template::W3cProjection;
use chancery_domain::{Dataset, IssuanceToken};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Model, STATUS_CONTEXT, VERIFIABLE_CREDENTIAL};
use crate::did::did_jwk;
use crate::jose::{self, Jwk};
use crate::keys::{SignError, Signer};
use crate::status_list::{Purpose, entry};
use crate::x509::{CertificateChain, key_header};

/// Who issues, and how its key is found.
#[derive(Clone, Copy)]
pub struct Issuer<'a> {
    /// The issuer identifier: the name where there is no DID.
    pub identifier: &'a str,
    /// The DID.
    pub did: Option<&'a str>,
    /// Who signs.
    pub signer: &'a dyn Signer,
    /// The certificate of the key.
    pub chain: Option<&'a CertificateChain>,
}

impl Issuer<'_> {
    /// `issuer`.
    pub(crate) fn name(&self) -> &str {
        self.did.unwrap_or(self.identifier)
    }

    /// The header that leads to the key: a DID URL where the issuer is a DID (VC-JOSE-COSE §3.3.2).
    pub(crate) fn header(&self) -> Result<Map<String, Value>, SignError> {
        match self.did {
            Some(did) => {
                let method = format!("{did}#{}", self.signer.key_id());
                Ok(Map::from_iter([("kid".to_owned(), Value::String(method))]))
            }
            None => key_header(self.signer, self.chain),
        }
    }
}

/// What one credential is to say.
#[derive(Debug, Clone, Copy)]
pub struct W3cCredential<'a> {
    /// The data model.
    pub model: Model,
    /// Where each field goes.
    pub projection: &'a W3cProjection,
    /// The fields.
    pub dataset: &'a Dataset,
    /// Whom it is about.
    pub holder: &'a Jwk,
    /// Already rounded so that the copies of a batch cannot be linked by it.
    pub issued_at: OffsetDateTime,
    /// Likewise.
    pub expires_at: OffsetDateTime,
    /// Where the status list named by the token is published.
    pub status_list_uri: &'a str,
}

/// Why no credential was made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A path leads through another claim.
    #[error("the path {0:?} collides with another claim's")]
    Collision(Vec<String>),
    /// The signature.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Signs one credential. The token is spent, whatever comes of it: a status index is never used twice.
pub async fn issue(
    token: IssuanceToken,
    credential: &W3cCredential<'_>,
    issuer: Issuer<'_>,
) -> Result<String, IssueError> {
    let mut vc = Map::new();
    vc.insert("@context".into(), contexts(credential));
    let types = std::iter::once(VERIFIABLE_CREDENTIAL);
    let types = types.chain(credential.projection.types.iter().map(String::as_str));
    vc.insert("type".into(), types.collect());
    let holder = did_jwk(credential.holder);
    vc.insert("credentialSubject".into(), subject(credential, &holder)?.into());
    let entries =
        Purpose::ALL.map(|purpose| entry(credential.status_list_uri, purpose, token.status().index));
    vc.insert("credentialStatus".into(), json!(entries));

    let mut header = issuer.header()?;
    let confirmation = json!({ "jwk": credential.holder });
    let claims = match credential.model {
        Model::JwtVcJson => {
            let (from, until) =
                (credential.issued_at.unix_timestamp(), credential.expires_at.unix_timestamp());
            Map::from_iter([
                ("iss".to_owned(), issuer.name().into()),
                ("sub".to_owned(), holder.into()),
                ("nbf".to_owned(), from.into()),
                ("iat".to_owned(), from.into()),
                ("exp".to_owned(), until.into()),
                ("cnf".to_owned(), confirmation),
                ("vc".to_owned(), vc.into()),
            ])
        }
        Model::VcJwt => {
            header.insert("cty".into(), "vc".into());
            vc.insert("issuer".into(), issuer.name().into());
            vc.insert("validFrom".into(), date_time(credential.issued_at));
            vc.insert("validUntil".into(), date_time(credential.expires_at));
            vc.insert("cnf".into(), confirmation);
            vc
        }
    };
    Ok(jose::sign(credential.model.typ(), header, &claims, issuer.signer).await?)
}

fn contexts(credential: &W3cCredential<'_>) -> Value {
    let mut contexts = vec![credential.model.base_context()];
    if credential.model == Model::JwtVcJson {
        contexts.push(STATUS_CONTEXT);
    }
    contexts.extend(credential.projection.contexts.iter().map(String::as_str));
    json!(contexts)
}

/// `xsd:dateTimeStamp`.
pub(crate) fn date_time(at: OffsetDateTime) -> Value {
    at.format(&Rfc3339).unwrap_or_default().into()
}

fn subject(credential: &W3cCredential<'_>, holder: &str) -> Result<Map<String, Value>, IssueError> {
    let mut subject = Map::new();
    subject.insert("id".into(), holder.into());
    for claim in &credential.projection.claims {
        if let Some(value) = credential.dataset.values.get(&claim.field) {
            place(&mut subject, &claim.path, value)
                .ok_or_else(|| IssueError::Collision(claim.path.clone()))?;
        }
    }
    Ok(subject)
}

/// Puts a value at the end of a path where nothing is yet.
fn place(object: &mut Map<String, Value>, path: &[String], value: &Value) -> Option<()> {
    match path {
        [] => None,
        [name] if object.contains_key(name) => None,
        [name] => {
            object.insert(name.clone(), value.clone());
            Some(())
        }
        [name, rest @ ..] => {
            let inner = object.entry(name.clone()).or_insert_with(|| Map::new().into());
            place(inner.as_object_mut()?, rest, value)
        }
    }
}
