//! Check, compile and run plugins inside their limits.
//!
//! ```text
//! bytes ── check ──→ compile, or the authenticated cache ──→ Component
//! Component + configuration ── describe ──→ Template, Policy or License
//! Template + subject ── prepare ──→ Outcome
//! Policy + registration ── decide ──→ Decision
//! License + document ── read ──→ Entitlements ── check ──→ Permission
//! ```
//!
//! [`Engine::load`] refuses what the contract in `wit/` does not allow, and says why;
//! [`Engine::examine`] does so for the first time and reports on every stage, the component's own
//! examples included. [`Engine::template`], [`Engine::policy`] and [`Engine::license`] ask a component
//! what it is under a configuration. Every call runs in a fresh instance, under a memory limit, a fuel
//! budget and a deadline; no state outlives it. What a call asks can be kept ([`Input`]) and asked again,
//! what it cost comes with the answer ([`Measured`]).
//!
//! Invariants: nothing of wasmtime appears in a public type. Only the cache's own files are
//! ever deserialised, and only after their authentication. No file system, socket, real clock
//! or real randomness is linked. A plugin's answer is data until it was checked here.

mod backtrace;
mod believed;
mod bindings;
mod cache;
mod call;
mod canonical;
mod case;
mod check;
pub mod compiler;
mod component;
mod configured;
mod dataset;
mod definition;
mod description;
mod difference;
mod engine;
mod entitlements;
mod fault;
mod hook;
mod license;
mod limits;
mod linked;
mod log;
mod machine;
mod manifest;
mod measured;
mod policy;
mod question;
mod reasons;
mod refused;
mod report;
pub mod runner;
mod schema;
mod self_test;
mod settings;
mod source;
mod stopwatch;
mod template;
mod ticker;
mod vectors;
mod wasi;

pub use case::Tried;
pub use component::Component;
pub use description::{Description, PluginDisplay};
pub use difference::Difference;
pub use engine::{Apart, Engine, EngineConfig, EngineError};
pub use entitlements::{Entitlements, LicenseLimits, LicenseState};
pub use fault::{Blame, ConfigureError, Fault, FaultKind};
pub use hook::{Class, Hook};
pub use license::{Circumstances, License, Permission, Used};
pub use limits::Limits;
pub use manifest::Manifest;
pub use measured::{LogLevel, LogLine, Measured, Usage};
pub use policy::{Contact, Counts, DecideRequest, Decision, Policy, Registration};
pub use question::Input;
pub use refused::Refused;
pub use report::{Report, Resources, Stage, StageResult, Stepped};
pub use runner::RunnerConfig;
pub use self_test::{SelfTest, TestCase, Verdict};
pub use source::Source;
pub use template::{Answer, Authentication, Deferral, Lookup, Outcome, PrepareRequest, Purpose, Template};
pub use vectors::Vector;
