//! The management API.

mod api_keys;
mod audit;
mod clients;
mod configuration;
mod credentials;
mod deferrals;
mod idempotency;
mod offers;
pub(crate) mod openapi;
mod providers;
mod sessions;
mod sources;
mod webhooks;
