//! Error codes and the shape of an error answer (RFC 6749 §5.2, OpenID4VCI §8.3.1.2, RFC 9449).

use serde::{Deserialize, Serialize};

/// The codes that an issuer's endpoints answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// RFC 6749 §5.2.
    InvalidRequest,
    /// RFC 6749 §5.2.
    InvalidClient,
    /// RFC 6749 §5.2.
    InvalidGrant,
    /// RFC 6749 §5.2.
    UnauthorizedClient,
    /// RFC 6749 §5.2.
    InvalidScope,
    /// RFC 6749 §5.2.
    UnsupportedGrantType,
    /// RFC 6749 §4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 §4.1.2.1.
    AccessDenied,
    /// RFC 6750 §3.1.
    InvalidToken,
    /// RFC 6750 §3.1.
    InsufficientScope,
    /// RFC 9449 §5.
    InvalidDpopProof,
    /// RFC 9449 §8.
    UseDpopNonce,
    /// Attestation-based client authentication, §6.2.
    UseAttestationChallenge,
    /// RFC 9396 §5.
    InvalidAuthorizationDetails,
    /// OpenID4VCI §8.3.1.2.
    InvalidCredentialRequest,
    /// OpenID4VCI §8.3.1.2.
    UnknownCredentialConfiguration,
    /// OpenID4VCI §8.3.1.2.
    UnknownCredentialIdentifier,
    /// OpenID4VCI §8.3.1.2.
    InvalidProof,
    /// OpenID4VCI §8.3.1.2.
    InvalidNonce,
    /// OpenID4VCI §8.3.1.2.
    InvalidEncryptionParameters,
    /// OpenID4VCI §8.3.1.2.
    CredentialRequestDenied,
    /// OpenID4VCI §9.3.
    InvalidTransactionId,
    /// OpenID4VCI §11.3.
    InvalidNotificationId,
    /// OpenID4VCI §11.3.
    InvalidNotificationRequest,
    /// RFC 6749 §4.1.2.1; used where a server cannot answer for now.
    TemporarilyUnavailable,
    /// RFC 6749 §4.1.2.1.
    ServerError,
}

impl ErrorCode {
    /// The code as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::InvalidScope => "invalid_scope",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::AccessDenied => "access_denied",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::UseAttestationChallenge => "use_attestation_challenge",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::InvalidCredentialRequest => "invalid_credential_request",
            Self::UnknownCredentialConfiguration => "unknown_credential_configuration",
            Self::UnknownCredentialIdentifier => "unknown_credential_identifier",
            Self::InvalidProof => "invalid_proof",
            Self::InvalidNonce => "invalid_nonce",
            Self::InvalidEncryptionParameters => "invalid_encryption_parameters",
            Self::CredentialRequestDenied => "credential_request_denied",
            Self::InvalidTransactionId => "invalid_transaction_id",
            Self::InvalidNotificationId => "invalid_notification_id",
            Self::InvalidNotificationRequest => "invalid_notification_request",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }
}

/// The body of an error answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The code.
    pub error: String,
    /// Only the characters that RFC 6749 §5.2 allows; see [`describe`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
}

/// Keeps what RFC 6749 §5.2 allows in an `error_description`: printable ASCII without `"` and `\`.
pub fn describe(text: &str) -> String {
    let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    text.chars().map(|c| if allowed(c) { c } else { '\'' }).take(300).collect()
}
