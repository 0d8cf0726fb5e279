//! Who may become a tenant: policies decide on every registration, each may only narrow.

mod decide;
mod install;

pub(crate) use decide::{Verdict, decide};
pub(crate) use install::{Order, install_policy, remove_policy};
