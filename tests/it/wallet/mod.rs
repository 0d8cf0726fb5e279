//! What wallets and verifiers call.

mod credential;
mod keys;
mod metadata;
mod nonce;
mod notification;
mod offer;
mod proofs;
mod status_list;
mod token;
