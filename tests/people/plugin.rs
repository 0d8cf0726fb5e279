//! What the author of a plugin has: a component, and other versions of it.

/// A component that `cargo xtask plugins` built, or a version of it.
#[derive(Clone)]
pub struct Plugin(pub Vec<u8>);

impl Plugin {
    /// The component of that name.
    pub fn built(name: &str) -> Self {
        Self(chancery_guests::built(name))
    }

    /// The badge in the next version, under another name for people.
    pub fn next_badge() -> Self {
        Self::built("employee-badge")
            .saying("\"0.1.0\"", "\"0.2.0\"")
            .saying("Employee badge", "Employee pass.")
    }

    /// The same with another text in place of one of the same length, wherever it says it.
    #[track_caller]
    pub fn saying(self, text: &str, instead: &str) -> Self {
        Self(chancery_guests::saying(self.0, text, instead))
    }

    /// Its digest, as the API writes it.
    pub fn digest(&self) -> String {
        crate::jose::sha256_hex(&self.0)
    }
}
