//! Plugins come in, are approved, become active, are taken back and go.
//!
//! Every step is the same whether a tenant decides for itself or an operator for all, so each is written once,
//! over the [`Keeper`] who decides.

pub(crate) mod activate;
pub(crate) mod approve;
pub(crate) mod deactivate;
pub(crate) mod decisions;
pub(crate) mod discard;
mod keeper;
mod published;
pub(crate) mod quarantine;
pub(crate) mod relied;
pub(crate) mod roll_back;
pub(crate) mod trip;
pub(crate) mod types;
pub(crate) mod upload;
pub(crate) mod usable;

pub(crate) use keeper::Keeper;
