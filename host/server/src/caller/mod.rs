//! Who is calling: the only place that turns a header into an identity.
//!
//! A handler that takes [`Wallet`] or [`Manager`] cannot run for a stranger.

mod bearer;
mod client;
mod known;
mod manager;
mod operator;
mod wallet;

pub(crate) use bearer::tenant_named_by_token;
pub(crate) use client::{ClientCredentials, ClientParameters};
pub(crate) use known::KnownKeys;
pub(crate) use manager::{
    Administers, Anybody, Audits, Inspects, KeepsClients, KeepsKeys, KeepsPlugins, Manager, Manages, May,
    Offers, Oversees, Presumed, Reads, RotatesKeys, SeesKeys, SeesPlugins,
};
pub(crate) use operator::Operator;
pub(crate) use wallet::{UsedProof, Wallet, dpop_at_token_endpoint, fresh_nonce as fresh_dpop_nonce};
