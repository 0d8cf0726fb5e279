//! The token endpoint (RFC 6749 §5, OpenID4VCI §6) and authorization details (RFC 9396).

use serde::{Deserialize, Serialize};

/// The `type` of authorization details that this protocol defines.
pub const OPENID_CREDENTIAL: &str = "openid_credential";

/// The grant by which a client acts for itself (RFC 6749 §4.4).
pub const CLIENT_CREDENTIALS: &str = "client_credentials";

/// The grant by which a wallet renews what it was given (RFC 6749 §6).
pub const REFRESH_TOKEN: &str = "refresh_token";

/// One element of `authorization_details` in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationDetail {
    /// Must be `openid_credential`.
    pub r#type: String,
    /// The configuration asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_configuration_id: Option<String>,
}

/// A successful token response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenResponse {
    /// Opaque to the wallet.
    pub access_token: String,
    /// `Bearer` or `DPoP`.
    pub token_type: String,
    /// Seconds.
    pub expires_in: u32,
    /// For the next access token, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// What a client may do with the token (RFC 6749 §3.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Present when the request asked by authorization details.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<GrantedDetail>,
}

/// What was granted, with the identifiers to ask by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedDetail {
    /// Always `openid_credential`.
    pub r#type: String,
    /// The configuration granted.
    pub credential_configuration_id: String,
    /// Not empty; one per dataset.
    pub credential_identifiers: Vec<String>,
}

/// The nonce endpoint's answer (OpenID4VCI §7.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceResponse {
    /// For the `nonce` claim of key proofs.
    pub c_nonce: String,
}
