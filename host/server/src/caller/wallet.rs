//! Wallets: an access token of ours, sender-constrained where it says so (RFC 6750, RFC 9449).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use chancery_credential::dpop::{self, DpopExpectations};
use chancery_credential::nonces::{NonceError, NonceKind};
use chancery_credential::tokens::{AccessToken, TokenError};
use chancery_protocol::error::ErrorCode;
use http::request::Parts;
use http::{HeaderMap, header};
use time::OffsetDateTime;

use crate::app::App;
use crate::issuer::Issuer;
use crate::refusal::Refusal;
use crate::tenants::here;

/// A wallet with a token that this issuer gave and that is still good.
pub(crate) struct Wallet {
    /// Who gave the token.
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) token: AccessToken,
    /// The proof's id, to be used up by whatever the wallet does with it.
    pub(crate) proof: Option<UsedProof>,
}

/// A DPoP proof that was checked but not yet marked as used.
#[derive(Debug, Clone)]
pub(crate) struct UsedProof {
    pub(crate) thumbprint: String,
    pub(crate) jti_hash: [u8; 32],
}

impl FromRequestParts<Arc<App>> for Wallet {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let issuer = here(parts).ok_or_else(|| Refusal::not_found("there is nothing here"))?;
        let now = app.now();
        let (scheme, text) = authorization(&parts.headers)?;
        if !issuer.tenant.status.may_issue() {
            return Err(Refusal::token_invalid("this issuer is not issuing at present"));
        }
        let token = issuer.tokens.open(&text, now).map_err(|error| {
            Refusal::token_invalid(match error {
                TokenError::Expired => "the access token has expired",
                TokenError::Malformed => "the access token is not one of this issuer",
            })
        })?;
        let Some(thumbprint) = token.thumbprint.clone() else {
            return match scheme {
                Scheme::Bearer => Ok(Self { issuer, token, proof: None }),
                Scheme::Dpop => Err(Refusal::token_invalid("the access token is a bearer token")),
            };
        };
        // RFC 9449 §7.1: a bound token presented as a bearer token must be refused.
        if scheme == Scheme::Bearer {
            return Err(Refusal::token_invalid("the access token is bound to a key and needs a DPoP proof"));
        }
        let Some(proof) = only_header(&parts.headers, "dpop").map_err(|()| {
            Refusal::dpop_at_resource(ErrorCode::InvalidDpopProof, "more than one DPoP header")
        })?
        else {
            return Err(Refusal::dpop_at_resource(ErrorCode::InvalidDpopProof, "a DPoP proof is required"));
        };
        let proof = check(&issuer, &proof, parts, Some(&text), now)
            .map_err(|failure| failure.at_resource(app, &issuer, now))?;
        if proof.thumbprint != thumbprint {
            return Err(Refusal::dpop_at_resource(
                ErrorCode::InvalidDpopProof,
                "the proof is by another key than the access token is bound to",
            ));
        }
        Ok(Self { issuer, token, proof: Some(proof) })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Bearer,
    Dpop,
}

/// The one Authorization header; its scheme is case-insensitive (RFC 9110 §11.1).
fn authorization(headers: &HeaderMap) -> Result<(Scheme, String), Refusal> {
    let value = only_header(headers, header::AUTHORIZATION.as_str())
        .map_err(|()| Refusal::new(ErrorCode::InvalidRequest, "more than one Authorization header"))?
        .ok_or_else(Refusal::token_missing)?;
    let (scheme, token) = value.split_once(' ').ok_or_else(Refusal::token_missing)?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Scheme::Bearer,
        "dpop" => Scheme::Dpop,
        _ => return Err(Refusal::token_missing()),
    };
    Ok((scheme, token.trim().to_owned()))
}

/// The value of a header that may come at most once; `Err` when it comes more often or is not text.
fn only_header(headers: &HeaderMap, name: &str) -> Result<Option<String>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|text| Some(text.to_owned())).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

/// Why a DPoP proof did not pass.
enum Failure {
    Proof(String),
    Nonce,
}

impl Failure {
    fn at_resource(self, app: &App, issuer: &Issuer, now: OffsetDateTime) -> Refusal {
        match self {
            Self::Proof(reason) => Refusal::dpop_at_resource(ErrorCode::InvalidDpopProof, &reason),
            Self::Nonce => {
                Refusal::dpop_at_resource(ErrorCode::UseDpopNonce, "the proof needs the nonce of this answer")
                    .with_dpop_nonce(fresh_nonce(app, issuer, now))
            }
        }
    }

    fn at_token_endpoint(self, app: &App, issuer: &Issuer, now: OffsetDateTime) -> Refusal {
        match self {
            Self::Proof(reason) => Refusal::new(ErrorCode::InvalidDpopProof, reason),
            Self::Nonce => Refusal::new(ErrorCode::UseDpopNonce, "the proof needs the nonce of this answer")
                .with_dpop_nonce(fresh_nonce(app, issuer, now)),
        }
    }
}

/// A nonce for the wallet's next DPoP proof.
pub(crate) fn fresh_nonce(app: &App, issuer: &Issuer, now: OffsetDateTime) -> String {
    issuer.nonces.mint(NonceKind::Dpop, now, app.random.as_ref())
}

/// The DPoP proof of a token request, if there is one.
pub(crate) fn dpop_at_token_endpoint(
    app: &App,
    issuer: &Issuer,
    parts: &Parts,
) -> Result<Option<UsedProof>, Refusal> {
    let header = only_header(&parts.headers, "dpop")
        .map_err(|()| Refusal::new(ErrorCode::InvalidDpopProof, "more than one DPoP header"))?;
    let now = app.now();
    header
        .map(|proof| {
            check(issuer, &proof, parts, None, now)
                .map_err(|failure| failure.at_token_endpoint(app, issuer, now))
        })
        .transpose()
}

/// Checks a proof against the public URL of the endpoint, never the request's host, and against our nonce.
fn check(
    issuer: &Issuer,
    proof: &str,
    parts: &Parts,
    access_token: Option<&str>,
    now: OffsetDateTime,
) -> Result<UsedProof, Failure> {
    let mut url = issuer.url().clone();
    url.set_path(public_path(parts));
    let expectations =
        DpopExpectations { method: parts.method.as_str(), url: url.as_str(), access_token, now };
    let proof = dpop::verify_dpop(proof, &expectations).map_err(|error| Failure::Proof(error.to_string()))?;
    let nonce = proof.nonce.as_deref().ok_or(Failure::Nonce)?;
    match issuer.nonces.verify(NonceKind::Dpop, nonce, now) {
        Ok(_) => Ok(UsedProof { thumbprint: proof.thumbprint, jti_hash: proof.jti_hash }),
        Err(NonceError::Unknown | NonceError::Expired) => Err(Failure::Nonce),
    }
}

/// The path as the client sent it, before the front door named the tenant.
fn public_path(parts: &Parts) -> &str {
    parts.extensions.get::<axum::extract::OriginalUri>().map_or_else(|| parts.uri.path(), |uri| uri.path())
}
