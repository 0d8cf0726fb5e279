//! What a template's credentials would be: signed by the code that issues, in every format that the template has,
//! with a key that is made for that and forgotten. Nothing is issued.

use chancery_credential::did::did_web;
use chancery_credential::jose::Jwk;
use chancery_credential::{Algorithm, DevelopmentCa, SigningKey, SystemRandom};
use chancery_domain::settings::Settings;
use chancery_domain::template::Format;
use chancery_domain::{CredentialId, Dataset, IssuanceId, IssuanceToken, Random, random_bytes};
use chancery_engine::{Fault, Outcome, PrepareRequest, Purpose, Template};
use chancery_protocol::issuer_metadata::{CredentialIssuerMetadata, IssuerDisplay};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::record_issuance::Times;
use super::sign_credential::{Claims, sign_as};
use crate::issuer::{Signatory, configurations};
use crate::wallet::metadata::describe_issuer;

/// What a wallet would be given, and what it would be told first.
#[derive(Debug)]
pub struct Preview {
    /// One for each format that the template has.
    pub samples: Vec<Sample>,
    /// The issuer metadata.
    pub metadata: CredentialIssuerMetadata,
    /// The public key of nobody that signed.
    pub key: Jwk,
}

/// A credential that nobody issued.
#[derive(Debug)]
pub struct Sample {
    /// The credential configuration id.
    pub configuration_id: String,
    /// Its format.
    pub format: Format,
    /// As a wallet would get it.
    pub credential: String,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum PreviewFailed {
    /// The template issues nothing to this subject.
    #[error("the template does not issue that")]
    Withheld(Box<Outcome>),
    /// The template failed.
    #[error(transparent)]
    Fault(Box<Fault>),
    /// It cannot be signed.
    #[error("{0}")]
    Unsigned(String),
}

/// Asks the template and signs what it says, as an issuer of that identifier would.
pub async fn preview_credential(
    template: &Template,
    subject: &Value,
    identifier: &str,
    now: OffsetDateTime,
) -> Result<Preview, PreviewFailed> {
    let request = PrepareRequest::new(Purpose::Issue, "preview", subject, now);
    let dataset = match template.prepare(&request).await {
        Ok(Outcome::Issue(dataset)) => dataset,
        Ok(outcome) => return Err(PreviewFailed::Withheld(Box::new(outcome))),
        Err(fault) => return Err(PreviewFailed::Fault(Box::new(fault))),
    };
    sample(template, &dataset, identifier.trim_end_matches('/'), now).await
}

async fn sample(
    template: &Template,
    dataset: &Dataset,
    identifier: &str,
    now: OffsetDateTime,
) -> Result<Preview, PreviewFailed> {
    let failed = |error: &dyn std::fmt::Display| PreviewFailed::Unsigned(error.to_string());
    let random = SystemRandom;
    let (signer, holder) = (key(&random)?, key(&random)?);
    let authority = DevelopmentCa::generate(now, &random).map_err(|error| failed(&error))?;
    let public = signer.public_jwk().clone();
    let chain = authority.issue_leaf(&public, identifier, now, now + Duration::days(397));
    let chain = chain.map_err(|error| failed(&error))?;
    let did = did_web(identifier);
    let signatory =
        Signatory { identifier, signer: &signer, chain: Some(&chain), did: did.as_deref(), random: &random };

    let definition = template.definition();
    let configurations: Vec<_> = configurations(std::iter::once(definition), Some(&chain)).collect();
    let mut samples = Vec::with_capacity(configurations.len());
    for (_, format, id) in &configurations {
        let claims =
            Claims { definition, format: *format, dataset, times: Times::of(definition, dataset, now) };
        let holders = std::slice::from_ref(holder.public_jwk());
        let signed = sign_as(signatory, claims, holders, vec![token(&random, now)]).await;
        let credential = signed.map_err(|refusal| failed(&refusal.cause()))?.pop();
        let credential = credential.map(|issued| issued.credential).unwrap_or_default();
        samples.push(Sample { configuration_id: id.clone(), format: *format, credential });
    }
    let display = IssuerDisplay { name: "Preview".into(), locale: None, logo: None };
    let metadata = describe_issuer(
        identifier,
        &display,
        signer.algorithm(),
        None,
        &Settings::default(),
        &configurations,
    );
    Ok(Preview { samples, metadata, key: public })
}

/// A key that nobody keeps.
fn key(random: &dyn Random) -> Result<SigningKey, PreviewFailed> {
    // One in 2^32 scalars is none of P-256; the second try finds one.
    let mut tries = (0..8).map(|_| SigningKey::new(Algorithm::Es256, &random_bytes(random)));
    let key = tries.find_map(Result::ok);
    key.ok_or_else(|| PreviewFailed::Unsigned("failed to make a key".into()))
}

#[expect(clippy::disallowed_methods, reason = "this is the preview, and the key is nobody's")]
fn token(random: &dyn Random, now: OffsetDateTime) -> IssuanceToken {
    IssuanceToken::of_a_sample(
        IssuanceId::new(now, random_bytes(random)),
        CredentialId::new(now, random_bytes(random)),
    )
}
