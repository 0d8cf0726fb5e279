//! Many tenants on one host

mod addresses;
mod audit;
mod bootstrap;
mod certificates;
mod crowd;
mod domains;
mod halts;
mod invitations;
mod isolation;
mod keys;
mod licenses;
mod lifecycle;
mod limits;
mod master;
mod onboarding;
mod operators;
pub(crate) mod plugins;
mod probe;
mod proxies;
mod replays;
mod roles;
mod shredding;
mod signals;
mod subtenants;
mod tenants;
mod tokens;
