//! The only module that opens connections to the outside.
//!
//! Where to is somebody else's choice, a tenant's or a wallet's. So a URL is looked at before it is kept and again
//! before it is asked; its name is resolved by our own resolver, what it stands for is filtered afterwards, and the
//! connection goes to one of the addresses that passed and to no other. No redirect is followed, no proxy is asked,
//! nothing is decompressed, and everything is bounded. No transaction is open meanwhile.

mod address;
pub(crate) mod client;
mod credentials;
pub(crate) mod dns;
mod guard;
mod places;

pub(crate) use client::{Egress, Failed, Outbound, Reason};
pub(crate) use credentials::{basic, bearer};
pub(crate) use guard::Guard;
