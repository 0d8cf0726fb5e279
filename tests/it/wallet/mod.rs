//! What wallets and verifiers call.

mod credential;
mod keys;
mod metadata;
mod nonce;
mod notification;
mod offer;
mod status_list;
mod token;
