//! Signing keys, as those see them who keep them: never anything secret.

pub(crate) mod certificate;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod rotate;

use chancery_store::StoredKey;
use serde::Serialize;
use time::OffsetDateTime;

use crate::operations::certify_key::end_of;
use crate::operations::rotate_key::key_id;

/// A signing key, without its private half.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct KeyView {
    /// The JWK thumbprint; credentials name the key by it.
    kid: String,
    /// What the key signs: `credential`, and with it status lists; `token`; or, `authority`, certificates of the former.
    r#use: String,
    /// `ES256` or `EdDSA`.
    algorithm: String,
    /// Counts the keys of a use.
    version: u32,
    /// `next`: published ahead; `active`: it signs; `retiring`: what it signed is still valid; `retired`.
    state: &'static str,
    /// Somebody else may sign with it.
    compromised: bool,
    /// The key that verifies.
    #[schema(value_type = Object)]
    public_jwk: serde_json::Value,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it becomes active, or became it.
    #[serde(with = "time::serde::rfc3339::option")]
    not_before: Option<OffsetDateTime>,
    /// Until when it is published, at least, once it signs no more.
    #[serde(with = "time::serde::rfc3339::option")]
    retires_at: Option<OffsetDateTime>,
    /// Who vouches for it, in PEM: its own certificate first.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    /// When the first of those ends; nothing is issued then.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_expires_at: Option<String>,
}

impl From<StoredKey> for KeyView {
    fn from(key: StoredKey) -> Self {
        Self {
            kid: key_id(&key).unwrap_or_default(),
            r#use: key.key_use,
            algorithm: key.algorithm,
            version: key.version,
            state: key.state.as_str(),
            compromised: key.compromised,
            public_jwk: key.public_jwk,
            created_at: key.created_at,
            not_before: key.not_before,
            retires_at: key.retire_at,
            certificate_expires_at: key.certificate.as_deref().and_then(end_of),
            certificate: key.certificate,
        }
    }
}
