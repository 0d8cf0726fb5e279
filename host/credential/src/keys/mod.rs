//! Every key of the service: from the master down to one offer's sealing key.
//!
//! # Labels
//!
//! Every derivation is HKDF-SHA256 (RFC 5869) with a label of its own, ASCII and
//! versioned, so that no two purposes ever share a key. A label is the whole
//! `info` unless the table says otherwise; without a salt, HKDF takes zeros.
//!
//! | label | input key material | gives |
//! |---|---|---|
//! | `chancery/root/v1` | master | root of the tenants' signing keys |
//! | `chancery/wrap/v1` | master | KEK: seals seeds, data keys, imported keys |
//! | `chancery/self-hosted/root/v1` | the operator's signing key | root, self-hosted |
//! | `chancery/self-hosted/wrap/v1` | the operator's signing key | KEK, self-hosted without a master |
//! | `chancery/check/v1` | KEK | key check value, 16 bytes, not secret |
//! | `chancery/role-password/v1/` ‖ role | KEK | password of a database role |
//! | `chancery/plugin-cache/v1` | KEK | authenticates compiled plugins |
//! | see [`derive`](mod@derive) | root, salt: tenant seed | signing keys and the MAC key of a tenant |
//! | `chancery/access-token/v1` | data key | encrypts access tokens |
//! | `chancery/notification-id/v1` | data key | encrypts notification ids |
//! | `chancery/subject/v1` | data key ‖ code | seals the subject of one offer |
//! | `chancery/refresh-family/v1` | data key ‖ secret of the refresh token | seals what a wallet may renew |
//! | `chancery/authorization-request/v1`, `…-page/v1`, `…-code/v1`, `chancery/refresh-token/v1` | data key | encrypts what wallets and browsers carry |
//! | `chancery/deferral-keys/v1` | data key ‖ code | seals the keys that a wallet proved for one deferral |
//! | `chancery/deferral-recipient/v1/` ‖ deferral ‖ `/` ‖ counter | data key ‖ code | P-256 key that a subject is encrypted for which is brought later |
//! | `chancery/answer/v1` | data key ‖ caller secret ‖ idempotency key | seals one stored answer |
//! | `chancery/plugin-input/v1` | data key | seals what plugins were asked |
//! | `chancery/plugin-input-tag/v1` | data key | tells what they were asked apart |
//! | `chancery/invited/v1` | data key | seals whom an invitation was sent to |
//! | `chancery/superseded-mac/v1` | data key | seals the MAC key of before a master was compromised |
//! | `chancery/code/v1` | offer secret | the pre-authorized code |
//!
//! Access tokens and notification ids draw a 16-byte salt each and encrypt under
//! `HMAC-SHA256(key, salt)`: random 96-bit nonces under one key would limit a
//! tenant to 2^32 of them.
//!
//! # Sealed blobs
//!
//! One version byte (1), a random 12-byte nonce, AES-256-GCM ciphertext and tag.
//! The associated data is a list of fields, each preceded by its length as u16,
//! the first of them the label that names the purpose.

mod deferrals;
pub mod derive;
mod import;
mod keyring;
mod mac;
pub(crate) mod seal;
mod sealed;
mod signing;
mod tenant;

pub use import::{ImportRefused, PrivateKey};
pub use keyring::{KeyCheck, Keyring, MalformedMaster, Master, SealedFor, SecretKind};
pub use mac::{LastSeal, MacKey, SupersededMac};
pub use seal::Unsealable;
pub use sealed::Shared;
pub use signing::{Algorithm, BoxFuture, KeyRejected, SignError, Signer, SigningKey};
pub use tenant::TenantKeys;

/// What a key of a tenant is for; no two uses ever share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// Signs credentials.
    Credential,
    /// Signs mobile documents.
    DocumentSigner,
    /// Certifies the keys that sign credentials.
    Authority,
    /// Signs status lists.
    Status,
    /// Signs tokens.
    Token,
    /// Signs metadata.
    Metadata,
    /// Receives encrypted requests.
    Encryption,
    /// Authenticates what the tenant will read back.
    Mac,
}

impl KeyUse {
    /// Every use.
    pub const ALL: [Self; 8] = [
        Self::Credential,
        Self::DocumentSigner,
        Self::Authority,
        Self::Status,
        Self::Token,
        Self::Metadata,
        Self::Encryption,
        Self::Mac,
    ];

    /// The word that key derivation, the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::DocumentSigner => "document-signer",
            Self::Authority => "authority",
            Self::Status => "status",
            Self::Token => "token",
            Self::Metadata => "metadata",
            Self::Encryption => "encryption",
            Self::Mac => "mac",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key_use| key_use.as_str() == word)
    }
}
