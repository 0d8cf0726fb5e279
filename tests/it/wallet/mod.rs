//! What wallets and verifiers call.

mod credential;
