//! The store against a real PostgreSQL: isolation, races, cancellation, and the cluster itself.
#![cfg(test)]

mod audit;
mod authorizations;
mod burial;
mod cancellation;
mod catalogue;
mod clients;
mod database;
mod deferrals;
mod embedded;
mod faults;
mod isolation;
mod issuance;
mod management;
mod offers;
mod onboarding;
mod plugins;
mod provisioning;
mod repeats;
mod shares;
mod status;
mod support;
mod sweeping;
mod webhooks;
