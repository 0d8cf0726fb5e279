//! The credential endpoint and the deferred one (OpenID4VCI §8, §9).

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

/// An answer that puts the wallet off, with 202.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeferredResponse {
    /// What the wallet comes back with.
    pub transaction_id: String,
    /// In how many seconds, at the earliest.
    pub interval: u32,
}

/// What an issuer answers to a request for a credential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CredentialAnswer {
    /// The credentials.
    Issued(CredentialResponse),
    /// Not yet.
    Deferred(DeferredResponse),
}

/// A wallet that comes back. Unknown members are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeferredCredentialRequest {
    /// As it was given.
    pub transaction_id: String,
    /// How this answer is to be encrypted, whatever was said before (§9.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_response_encryption: Option<Value>,
}

/// One issued copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IssuedCredential {
    /// The credential; its encoding depends on the format.
    pub credential: String,
}
