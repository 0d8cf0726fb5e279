//! Many tenants on one host

mod addresses;
mod bootstrap;
mod isolation;
mod lifecycle;
mod tenants;
