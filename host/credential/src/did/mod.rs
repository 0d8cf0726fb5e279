//! Decentralised identifiers: did:web names an issuer; did:jwk and did:key name a holder's key.

mod holder;
mod web;

pub use holder::{HolderDidError, did_jwk, holder_key};
pub use web::{did_document, did_web, verification_method};
