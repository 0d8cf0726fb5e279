//! What the author of a plugin has: a component, and other versions of it.

use std::path::PathBuf;

/// A component that `cargo xtask plugins` built, or a version of it.
#[derive(Clone)]
pub struct Plugin(pub Vec<u8>);

impl Plugin {
    /// The component of that name.
    pub fn built(name: &str) -> Self {
        let components = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../plugins/target/components");
        let path = components.join(format!("{name}.wasm"));
        let hint = "`cargo xtask plugins` builds it";
        Self(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; {hint}", path.display())))
    }

    /// The badge in the next version, under another name for people.
    pub fn next_badge() -> Self {
        Self::built("employee-badge")
            .saying("\"0.1.0\"", "\"0.2.0\"")
            .saying("Employee badge", "Employee pass.")
    }

    /// The same with another text in place of one of the same length, wherever it says it.
    #[track_caller]
    pub fn saying(mut self, text: &str, instead: &str) -> Self {
        assert_eq!(text.len(), instead.len(), "the sections of a component keep their lengths");
        let places: Vec<usize> =
            (0..self.0.len()).filter(|at| self.0[*at..].starts_with(text.as_bytes())).collect();
        assert!(!places.is_empty(), "the component does not say {text:?}");
        for at in places {
            self.0[at..at + text.len()].copy_from_slice(instead.as_bytes());
        }
        self
    }

    /// Its digest, as the API writes it.
    pub fn digest(&self) -> String {
        crate::jose::sha256_hex(&self.0)
    }
}
