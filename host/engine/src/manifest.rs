//! What a plugin says about itself without being run: the custom section `chancery:plugin`.

use serde::Deserialize;

/// The section's name.
pub(crate) const SECTION: &str = "chancery:plugin";

/// No plugin needs more to say who it is.
pub(crate) const MAX_BYTES: usize = 4096;

/// Name, version and hook of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Manifest {
    /// `[a-z][a-z0-9-]*`.
    pub(crate) name: String,
    /// As its author counts.
    pub(crate) version: String,
    /// One sentence on it.
    #[serde(default)]
    pub(crate) description: String,
    /// Which hook it implements.
    pub(crate) hook: String,
}

impl Manifest {
    /// Reads the section; the error completes "its `chancery:plugin` section …".
    pub(crate) fn parse(section: &[u8]) -> Result<Self, String> {
        if section.len() > MAX_BYTES {
            return Err(format!("is longer than {MAX_BYTES} bytes"));
        }
        let manifest: Self =
            serde_json::from_slice(section).map_err(|error| format!("is no manifest: {error}"))?;
        if !is_name(&manifest.name) {
            return Err("has a name that is not of the form `[a-z][a-z0-9-]*`".into());
        }
        if manifest.version.is_empty()
            || manifest.version.len() > 64
            || manifest.version.contains(char::is_control)
        {
            return Err("has no usable version".into());
        }
        Ok(manifest)
    }
}

/// Whether `text` is `[a-z][a-z0-9-]*` of at most 64 characters.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
