//! What wallets and verifiers call.

mod authorize;
pub(crate) mod credential;
mod deferred_credential;
mod keys;
mod metadata;
mod nonce;
mod notification;
mod offer;
mod status_list;
pub(crate) mod token;
