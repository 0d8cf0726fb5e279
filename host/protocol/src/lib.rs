//! The words on the wire: OpenID4VCI 1.0, OAuth 2.0 and their metadata.
//!
//! Types and rules of the specifications, without any knowledge of this
//! service: no I/O, no tenants, no keys. Servers and wallets share them.

pub mod authorization;
pub mod authorization_server;
pub mod credential;
pub mod error;
pub mod issuer_metadata;
pub mod json;
pub mod notification;
pub mod offer;
pub mod token;
pub mod type_metadata;
pub mod well_known;
