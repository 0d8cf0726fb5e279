//! Check, compile and run plugins inside their limits.
//!
//! ```text
//! bytes ── check ──→ compile, or the authenticated cache ──→ Component
//! Component + configuration ── describe ──→ Template
//! Template + subject ── prepare ──→ Outcome
//! ```
//!
//! [`Engine::load`] refuses what the contract in `wit/` does not allow, and says why.
//! [`Engine::template`] asks a component what it issues under a tenant's configuration.
//! [`Template::prepare`] asks it for one dataset. Every call runs in a fresh instance, under
//! a memory limit, a fuel budget and a deadline; no state outlives it.
//!
//! Invariants: nothing of wasmtime appears in a public type. Only the cache's own files are
//! ever deserialised, and only after their authentication. No file system, socket, real clock
//! or real randomness is linked. A plugin's answer is data until it was checked here.

mod bindings;
mod cache;
mod call;
mod canonical;
mod check;
mod component;
mod dataset;
mod definition;
mod engine;
mod fault;
mod limits;
mod log;
mod manifest;
mod schema;
mod settings;
mod stopwatch;
mod template;
mod ticker;
mod wasi;

pub use check::Refused;
pub use component::Component;
pub use engine::{Engine, EngineConfig, EngineError};
pub use fault::{Blame, Fault, FaultKind, TemplateError};
pub use limits::Limits;
pub use template::{Answer, Authentication, Deferral, Lookup, Outcome, PrepareRequest, Purpose, Template};
