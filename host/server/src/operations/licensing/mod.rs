//! What the operator's licence allows: read by a plugin, counted and enforced here.
//!
//! Without a licence plugin nothing is bounded. With one, only what is added is: a tenant that is there goes on,
//! whatever becomes of the licence.

mod allow;
mod install;
mod standing;

pub(crate) use allow::{allow_feature, allow_registration, lacks_place};
pub(crate) use install::{Order, install_license, remove_license};
pub(crate) use standing::{Standing, remember_time, standing};
