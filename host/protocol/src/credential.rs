//! The credential endpoint (OpenID4VCI §8).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A credential request. Unknown top-level members are ignored (§8.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CredentialRequest {
    /// Exactly one of this …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_identifier: Option<String>,
    /// … and this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_configuration_id: Option<String>,
    /// Required where the configuration needs key binding: an object with exactly one proof
    /// type. Left unparsed, because what is wrong with it has a code of its own (§8.3.1.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proofs: Option<Value>,
    /// How the answer is to be encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_response_encryption: Option<Value>,
}

/// A successful immediate answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CredentialResponse {
    /// One per key.
    pub credentials: Vec<IssuedCredential>,
    /// To be used at the notification endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_id: Option<String>,
}

/// One issued copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IssuedCredential {
    /// The credential; its encoding depends on the format.
    pub credential: String,
}
