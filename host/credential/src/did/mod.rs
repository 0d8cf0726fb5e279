//! Decentralised identifiers: did:web names an issuer; did:jwk, did:key and did:web name a holder's key.

mod holder;
mod remote;
mod web;

pub use holder::{HolderDidError, did_jwk, holder_key};
pub use remote::{document_key, document_url};
pub use web::{did_document, did_web, verification_method};
