//! The engine as its users know it: bytes in, decisions out.

mod bench;
mod bundled;
mod cache;
mod hostile;
mod refused;
mod support;
