//! The platform-admin API: tenants as their operator sees them. It knows nothing of what is theirs.

pub(crate) mod audit;
pub(crate) mod bootstrap;
pub(crate) mod configuration;
pub(crate) mod decisions;
pub(crate) mod halts;
pub(crate) mod license;
pub(crate) mod openapi;
pub(crate) mod operators;
pub(crate) mod policies;
pub(crate) mod registrations;
pub(crate) mod tenants;
