//! What a wallet reads when it is refused: the codes and shapes of OAuth and
//! OpenID4VCI, and beside them what only the log keeps.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use chancery_protocol::error::{ErrorBody, ErrorCode, describe};
use chancery_store::StoreError;
use http::{HeaderValue, StatusCode, header};

use crate::no_store;
use crate::problem::{SOON, whole_seconds};

/// The header that carries a server-chosen DPoP nonce (RFC 9449 §8).
pub(crate) const DPOP_NONCE: http::HeaderName = http::HeaderName::from_static("dpop-nonce");

/// The header that carries a challenge for an attested client.
pub(crate) const ATTESTATION_CHALLENGE: http::HeaderName =
    http::HeaderName::from_static("oauth-client-attestation-challenge");

/// A refusal for a wallet. What it says in public never tells whether somebody else's thing exists.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: ErrorCode,
    description: String,
    /// `WWW-Authenticate`, at protected resources.
    challenge: Option<String>,
    /// Chosen by the server, to be used the next time; the code says for what.
    nonce: Option<String>,
    retry_after: Option<u64>,
    /// The cause, for the log alone.
    cause: Option<String>,
}

impl Refusal {
    /// 400 with `code`, the usual answer.
    pub(crate) fn new(code: ErrorCode, description: impl AsRef<str>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            description: describe(description.as_ref()),
            challenge: None,
            nonce: None,
            retry_after: None,
            cause: None,
        }
    }

    /// What went wrong, where no wallet reads it.
    pub(crate) fn cause(&self) -> &str {
        self.cause.as_deref().unwrap_or(&self.description)
    }

    /// The access token is missing: 401 without an error code in the challenge (RFC 6750 §3.1).
    pub(crate) fn token_missing() -> Self {
        let mut refusal =
            Self::new(ErrorCode::InvalidToken, "an access token is required in the Authorization header");
        refusal.status = StatusCode::UNAUTHORIZED;
        refusal.challenge = Some(format!("DPoP algs=\"{DPOP_ALGORITHMS}\", Bearer"));
        refusal
    }

    /// The access token is no good, whatever the reason (RFC 6750 §3.1).
    pub(crate) fn token_invalid(description: &str) -> Self {
        let mut refusal = Self::new(ErrorCode::InvalidToken, description);
        refusal.status = StatusCode::UNAUTHORIZED;
        refusal.challenge = Some(format!(
            "DPoP error=\"invalid_token\", algs=\"{DPOP_ALGORITHMS}\", Bearer error=\"invalid_token\""
        ));
        refusal
    }

    /// The access token does not cover what was asked for (RFC 6750 §3.1).
    pub(crate) fn token_insufficient(description: &str) -> Self {
        let mut refusal = Self::new(ErrorCode::InsufficientScope, description);
        refusal.status = StatusCode::FORBIDDEN;
        refusal.challenge = Some("Bearer error=\"insufficient_scope\"".to_owned());
        refusal
    }

    /// The proof of an attested client needs the challenge of this answer.
    pub(crate) fn attestation_challenge(challenge: String) -> Self {
        let description = "the proof of the attestation needs the challenge of this answer";
        let mut refusal = Self::new(ErrorCode::UseAttestationChallenge, description);
        refusal.nonce = Some(challenge);
        refusal
    }

    /// The client did not authenticate, or not as itself: one answer for both (RFC 6749 §5.2).
    pub(crate) fn client_invalid() -> Self {
        let mut refusal = Self::new(ErrorCode::InvalidClient, "the client is unknown or its secret is wrong");
        refusal.status = StatusCode::UNAUTHORIZED;
        refusal.challenge = Some("Basic realm=\"chancery\"".to_owned());
        refusal
    }

    /// The DPoP proof at a protected resource is no good, or needs the server's nonce (RFC 9449 §7, §9).
    pub(crate) fn dpop_at_resource(code: ErrorCode, description: &str) -> Self {
        let mut refusal = Self::new(code, description);
        refusal.status = StatusCode::UNAUTHORIZED;
        refusal.challenge = Some(format!("DPoP error=\"{}\", algs=\"{DPOP_ALGORITHMS}\"", code.as_str()));
        refusal
    }

    /// Something of ours is away; the wallet loses nothing by trying again.
    pub(crate) fn unavailable(cause: impl std::fmt::Display) -> Self {
        let mut refusal =
            Self::new(ErrorCode::TemporarilyUnavailable, "the issuer cannot answer now, try again shortly");
        refusal.status = StatusCode::SERVICE_UNAVAILABLE;
        refusal.retry_after = Some(1);
        refusal.cause = Some(cause.to_string());
        refusal
    }

    /// Somebody ordered that this is not issued for now; what the wallet has stays good.
    pub(crate) fn halted() -> Self {
        let mut refusal =
            Self::new(ErrorCode::TemporarilyUnavailable, "issuance is halted for now, try again later");
        refusal.status = StatusCode::SERVICE_UNAVAILABLE;
        refusal.retry_after = Some(HALTED_FOR);
        refusal
    }

    /// More requests came for the issuer than are its share; after `wait` there is room again.
    pub(crate) fn too_many(wait: Duration) -> Self {
        let mut refusal = Self::new(
            ErrorCode::TemporarilyUnavailable,
            "too many requests for this issuer, try again when Retry-After says",
        );
        refusal.status = StatusCode::TOO_MANY_REQUESTS;
        refusal.retry_after = Some(whole_seconds(wait));
        refusal
    }

    /// Nothing is here, or nothing that the caller may know of.
    pub(crate) fn not_found(description: &str) -> Self {
        let mut refusal = Self::new(ErrorCode::InvalidRequest, description);
        refusal.status = StatusCode::NOT_FOUND;
        refusal
    }

    /// Answers with another status than 400.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Hands the wallet the nonce for its next DPoP proof.
    pub(crate) fn with_dpop_nonce(mut self, nonce: String) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// What a page says of it.
    pub(crate) fn shown(&self) -> (StatusCode, &'static str, &str) {
        (self.status, self.code.as_str(), &self.description)
    }

    /// Keeps the cause for the log.
    pub(crate) fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }
}

/// In how many seconds to ask again whether a halt was lifted.
const HALTED_FOR: u64 = 60;

/// The algorithms that a DPoP proof may be signed with, as a challenge lists them.
pub(crate) const DPOP_ALGORITHMS: &str = "ES256 EdDSA";

impl Refusal {
    /// Tells the log, which alone hears the cause.
    pub(crate) fn log(&self) {
        let code = self.code.as_str();
        let (description, cause) = (&self.description, &self.cause);
        match self.status {
            // A flood of requests is not to become one of log lines; the metrics count them.
            StatusCode::TOO_MANY_REQUESTS => tracing::debug!(code, "refused a wallet's request"),
            status if status.is_server_error() => {
                tracing::error!(code, cause, "a wallet's request failed");
            }
            _ => tracing::info!(code, description, cause, "refused a wallet's request"),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Crowded => Self::too_many(SOON),
            error => Self::unavailable(error),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.log();
        let code = self.code.as_str();
        let body = ErrorBody { error: code.to_owned(), error_description: Some(self.description) };
        let mut response = no_store((self.status, axum::Json(body)));
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(nonce) = self.nonce.and_then(|text| HeaderValue::try_from(text).ok()) {
            let name = match self.code {
                ErrorCode::UseAttestationChallenge => ATTESTATION_CHALLENGE,
                _ => DPOP_NONCE,
            };
            headers.insert(name, nonce);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
