//! Many tenants on one host

mod addresses;
mod bootstrap;
mod domains;
mod isolation;
mod lifecycle;
mod tenants;
