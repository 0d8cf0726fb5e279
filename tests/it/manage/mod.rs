//! The management API.

mod api_keys;
mod clients;
mod credentials;
mod idempotency;
mod offers;
mod openapi;
