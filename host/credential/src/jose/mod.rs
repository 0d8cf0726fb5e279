//! JOSE, as strict as a signature that decides something must be: two algorithms,
//! the compact form, public keys only. Encryption is in [`jwe`].
//!
//! Absent on purpose: `none`, every symmetric algorithm, RSA, the JSON
//! serialisation, detached and unencoded payloads, critical extensions, and any
//! fetching of what a header points to (`jku`, `x5u`).

pub(crate) mod base64url;
pub mod jwe;
mod jwk;
mod jws;

pub use jwk::{Jwk, JwkError};
pub use jws::{Header, Jws, JwsError, sign};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof_tests;
