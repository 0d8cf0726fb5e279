//! The engine as its users know it: bytes in, decisions out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is how a test fails, helpers included"
)]

mod apart;
mod bench;
mod bundled;
mod cache;
mod contract;
mod crafted;
mod foreign;
mod generated;
mod hostile;
mod licenses;
mod policies;
mod refused;
mod reported;
mod support;
