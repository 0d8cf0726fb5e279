//! Keys, JOSE, proofs, credential formats, status lists, certificates and DIDs.
//!
//! Everything cryptographic is here and nothing else is: no I/O, no clock. The
//! time and the randomness are arguments, except that signing draws its own
//! nonces inside the cryptographic library.
//!
//! One backend, aws-lc, does all cryptography but two things it has no fitting
//! interface for: HKDF with a raw 32-byte output (`hkdf`), and the public point
//! of a P-256 scalar (`p256`).

pub mod attestation;
pub mod client_assertion;
pub mod client_tokens;
pub mod did;
pub mod dpop;
pub mod envelopes;
pub mod id_token;
pub mod jose;
pub mod key_attestation;
pub mod keys;
pub mod mdoc;
pub mod nonces;
pub mod proof;
pub mod publisher;
mod random;
pub mod sd_jwt;
pub mod secrets;
pub mod status_list;
#[cfg(test)]
mod testing;
pub mod tokens;
#[cfg(test)]
mod vectors;
pub mod w3c;
pub mod webhook;
pub mod x509;

pub use client_tokens::{ClientToken, ClientTokens};
pub use envelopes::{Envelope, Envelopes};
pub use jose::Jwk;
pub use keys::{
    Algorithm, KeyRejected, KeyUse, Keyring, Master, SealedFor, SecretKind, SignError, Signer, SigningKey,
    TenantKeys, Unsealable,
};
pub use nonces::{NonceError, NonceId, NonceKind, Nonces};
pub use random::SystemRandom;
pub use secrets::{ApiKeySecret, ClientSecret, Code, InvitationSecret, OfferSecret, secret_hash};
pub use status_list::IndexPermutation;
pub use tokens::{AccessToken, Granted, TokenError, Tokens};
pub use x509::{CertificateChain, DevelopmentCa};
