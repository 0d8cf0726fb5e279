//! The management API.

mod api_keys;
mod credentials;
mod idempotency;
mod offers;
mod openapi;
