//! What was recorded is signed, copy by copy, in the format that the wallet asked for.

use chancery_credential::jose::Jwk;
use chancery_credential::mdoc::{self, Mdoc};
use chancery_credential::sd_jwt::{self, SdJwtVc};
use chancery_credential::w3c::{self, Model, W3cCredential};
use chancery_domain::template::{Definition, Format};
use chancery_domain::{Dataset, IssuanceToken};
use chancery_protocol::credential::IssuedCredential;

use super::record_issuance::Times;
use crate::app::App;
use crate::issuer::{Issuer, Signatory};
use crate::refusal::Refusal;

/// What every copy says.
#[derive(Clone, Copy)]
pub(super) struct Claims<'a> {
    pub(super) definition: &'a Definition,
    pub(super) format: Format,
    pub(super) dataset: &'a Dataset,
    pub(super) times: Times,
}

/// Signs each copy: fresh salts, its own status index, the same rounded times.
pub(super) async fn sign(
    app: &App,
    issuer: &Issuer,
    claims: Claims<'_>,
    holders: &[Jwk],
    tokens: Vec<IssuanceToken>,
) -> Result<Vec<IssuedCredential>, Refusal> {
    sign_as(issuer.signatory(app.random.as_ref()), claims, holders, tokens).await
}

/// The same, whoever it is that signs.
pub(super) async fn sign_as(
    issuer: Signatory<'_>,
    claims: Claims<'_>,
    holders: &[Jwk],
    tokens: Vec<IssuanceToken>,
) -> Result<Vec<IssuedCredential>, Refusal> {
    let mut credentials = Vec::with_capacity(tokens.len());
    for (token, holder) in tokens.into_iter().zip(holders) {
        let credential = match claims.format {
            Format::SdJwt => sign_sd_jwt(issuer, claims, holder, token).await?,
            Format::Mdoc => sign_mdoc(issuer, claims, holder, token).await?,
            Format::JwtVcJson => sign_w3c(issuer, claims, Model::JwtVcJson, holder, token).await?,
            Format::VcJwt => sign_w3c(issuer, claims, Model::VcJwt, holder, token).await?,
        };
        credentials.push(IssuedCredential { credential });
    }
    Ok(credentials)
}

async fn sign_sd_jwt(
    issuer: Signatory<'_>,
    claims: Claims<'_>,
    holder: &Jwk,
    token: IssuanceToken,
) -> Result<String, Refusal> {
    let vc = SdJwtVc {
        projection: claims.definition.sd_jwt.as_ref().ok_or_else(|| lacks(claims))?,
        dataset: claims.dataset,
        issuer: issuer.identifier,
        holder,
        issued_at: claims.times.issued_at,
        expires_at: claims.times.expires_at,
        status_list_uri: &issuer.status_list_uri(token.status().list),
    };
    sd_jwt::issue(token, &vc, issuer.signer, issuer.chain, issuer.random).await.map_err(failed)
}

async fn sign_mdoc(
    issuer: Signatory<'_>,
    claims: Claims<'_>,
    holder: &Jwk,
    token: IssuanceToken,
) -> Result<String, Refusal> {
    let mdoc = Mdoc {
        projection: claims.definition.mdoc.as_ref().ok_or_else(|| lacks(claims))?,
        dataset: claims.dataset,
        holder,
        issued_at: claims.times.issued_at,
        expires_at: claims.times.expires_at,
        status_list_uri: &issuer.status_list_uri(token.status().list),
    };
    let chain = issuer.chain.ok_or_else(|| lacks(claims))?;
    mdoc::issue(token, &mdoc, issuer.signer, chain, issuer.random).await.map_err(failed)
}

async fn sign_w3c(
    issuer: Signatory<'_>,
    claims: Claims<'_>,
    model: Model,
    holder: &Jwk,
    token: IssuanceToken,
) -> Result<String, Refusal> {
    let credential = W3cCredential {
        model,
        projection: claims.definition.w3c.as_ref().ok_or_else(|| lacks(claims))?,
        dataset: claims.dataset,
        holder,
        issued_at: claims.times.issued_at,
        expires_at: claims.times.expires_at,
        status_list_uri: &issuer.status_list_uri(token.status().list),
    };
    w3c::issue(token, &credential, issuer.of_w3c()).await.map_err(failed)
}

/// The revision that the offer pins had it, or the certificate was there when the wallet asked.
fn lacks(claims: Claims<'_>) -> Refusal {
    let (id, format) = (&claims.definition.configuration_id, claims.format.as_str());
    Refusal::unavailable(format_args!("the template {id} cannot be signed as {format}"))
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    Refusal::unavailable(format_args!("failed to sign: {error}"))
}
