//! What wallets and verifiers call.

mod authorize;
mod credential;
mod deferred_credential;
mod keys;
mod metadata;
mod nonce;
mod notification;
mod offer;
mod status_list;
mod token;
