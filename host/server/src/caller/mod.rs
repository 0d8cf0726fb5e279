//! Who is calling: the only place that turns a header into an identity.
//!
//! A handler that takes [`Wallet`] or [`Manager`] cannot run for a stranger.

mod manager;
mod operator;
mod wallet;

pub(crate) use manager::{
    KeepsKeys, KnownKeys, Manager, Manages, May, Offers, Oversees, Presumed, Reads, SeesKeys,
};
pub(crate) use operator::Operator;
pub(crate) use wallet::{UsedProof, Wallet, dpop_at_token_endpoint, fresh_nonce as fresh_dpop_nonce};
