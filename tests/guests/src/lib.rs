//! Components that mean no good, in one place, for whoever lets them loose on a host: tests want every one of them
//! stopped, benchmarks want to know what stopping them costs.
//!
//! [`MISBEHAVIOURS`] are what `plugins/hostile` does on demand, [`bombs`] and [`for_the_compiler`] are files to be
//! refused or got over with, [`Guest`] is written by hand, and [`damaged`] is what a file may become on its way.
#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this library exists for tests, and a guest that cannot be made is a failed test"
)]

mod bombs;
mod crafted;
mod damaged;

use std::path::PathBuf;

pub use bombs::{bombs, for_the_compiler};
pub use crafted::{A_FAULT, Guest, growths, loops};
pub use damaged::damaged;
use wasm_encoder::{CustomSection, Section as _};

/// What `plugins/hostile` does on demand, `{"prepare": "…"}`, and what a host with its usual limits says of it.
pub const MISBEHAVIOURS: [(&str, &str); 16] = [
    ("endless", "out-of-fuel"),
    ("busy-copy", "out-of-fuel"),
    ("sleep", "timeout"),
    ("memory", "out-of-memory"),
    ("recursion", "trap"),
    ("deep-recursion", "trap"),
    ("panic", "trap"),
    ("large-output", "output-too-large"),
    ("larger-output", "out-of-fuel"),
    ("many-issues", "out-of-fuel"),
    ("tables-of-issues", "output-too-large"),
    ("large-log", "output-too-large"),
    ("log-flood", "out-of-fuel"),
    ("long-fault", "plugin"),
    ("undeclared-field", "contract"),
    ("wrong-kind", "contract"),
];

/// A component that `cargo xtask plugins` built.
#[must_use]
pub fn built(name: &str) -> Vec<u8> {
    let components = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../plugins/target/components");
    let path = components.join(format!("{name}.wasm"));
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask plugins` builds it", path.display()))
}

/// The component with one more custom section at its end: the outermost wins.
#[must_use]
pub fn with_section(component: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let mut component = component.to_vec();
    CustomSection { name: name.into(), data: content.into() }.append_to(&mut component);
    component
}

/// The component with another text in place of one of the same length, wherever it says it.
#[must_use]
pub fn saying(mut component: Vec<u8>, text: &str, instead: &str) -> Vec<u8> {
    assert_eq!(text.len(), instead.len(), "the sections of a component keep their lengths");
    let places: Vec<usize> =
        (0..component.len()).filter(|at| component[*at..].starts_with(text.as_bytes())).collect();
    assert!(!places.is_empty(), "the component does not say {text:?}");
    for at in places {
        component[at..at + text.len()].copy_from_slice(instead.as_bytes());
    }
    component
}
