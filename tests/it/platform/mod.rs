//! Many tenants on one host

mod addresses;
mod audit;
mod bootstrap;
mod isolation;
mod lifecycle;
mod tenants;
