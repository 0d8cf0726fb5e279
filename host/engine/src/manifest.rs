//! What a plugin says about itself without being run: the custom section `chancery:plugin`.

use serde::{Deserialize, Serialize};

use crate::hook::{Class, Hook};

/// The section's name.
pub(crate) const SECTION: &str = "chancery:plugin";

/// No plugin needs more to say who it is.
const MAX_BYTES: usize = 4096;

/// Name, version and hook of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `[a-z][a-z0-9-]*`.
    pub name: String,
    /// As its author counts.
    pub version: String,
    /// One sentence on it; may be empty.
    #[serde(default)]
    pub description: String,
    /// Which hook it implements.
    pub hook: Hook,
    /// Whether it brings an interpreter along.
    #[serde(default)]
    pub class: Class,
}

/// As it is written, before its words are understood.
#[derive(Deserialize)]
struct Written {
    name: String,
    version: String,
    #[serde(default)]
    description: String,
    hook: String,
    #[serde(default)]
    class: Class,
}

impl Manifest {
    /// Reads the section; the error completes "its `chancery:plugin` section …".
    pub(crate) fn parse(section: &[u8]) -> Result<Self, String> {
        if section.len() > MAX_BYTES {
            return Err(format!("is longer than {MAX_BYTES} bytes"));
        }
        let Written { name, version, description, hook, class } =
            serde_json::from_slice(section).map_err(|error| format!("is no manifest: {error}"))?;
        if !is_name(&name) {
            return Err("has a name that is not of the form `[a-z][a-z0-9-]*`".into());
        }
        if version.is_empty() || version.len() > 64 || version.contains(char::is_control) {
            return Err("has no usable version".into());
        }
        if description.contains(char::is_control) {
            return Err("has a description of more than one line".into());
        }
        let hook = Hook::parse(&hook).ok_or_else(|| {
            let known = Hook::ALL.map(|hook| format!("`{hook}`")).join(", ");
            format!("names the hook `{}`; this host has {known}", hook.escape_default())
        })?;
        Ok(Self { name, version, description, hook, class })
    }
}

/// Whether `text` is `[a-z][a-z0-9-]*` of at most 64 characters.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
