//! Many tenants on one host

mod addresses;
mod bootstrap;
mod isolation;
mod keys;
mod lifecycle;
mod master;
mod tenants;
