//! A plugin that was checked, compiled and linked.

use std::{fmt, sync::Arc};

use crate::{
    call::Caller,
    fault::ConfigureError,
    hook::{Class, Hook},
    limits::Limits,
    manifest::Manifest,
    vectors::Vector,
};

/// A plugin that is ready to be called. Cloning it is cheap.
#[derive(Clone)]
pub struct Component {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) manifest: Manifest,
    pub(crate) vectors: Vec<Vector>,
    pub(crate) caller: Caller,
}

impl Component {
    /// SHA-256 of the component's bytes: its identity.
    pub fn digest(&self) -> [u8; 32] {
        self.inner.caller.digest
    }

    /// Its name, such as `employee-badge`.
    pub fn name(&self) -> &str {
        &self.inner.manifest.name
    }

    /// Its version, as its author counts.
    pub fn version(&self) -> &str {
        &self.inner.manifest.version
    }

    /// One sentence on it; may be empty.
    pub fn description(&self) -> &str {
        &self.inner.manifest.description
    }

    /// The hook that it implements.
    pub fn hook(&self) -> Hook {
        self.inner.manifest.hook
    }

    /// Whether it brings an interpreter along.
    pub fn class(&self) -> Class {
        self.inner.manifest.class
    }

    /// What one call of it may use.
    pub fn limits(&self) -> &Limits {
        &self.inner.caller.limits
    }

    /// The same component under other limits, as one of its users may set them. What the pool of instances
    /// holds stays the most that a call can have.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        let Inner { manifest, vectors, caller } = &*self.inner;
        let caller = Caller { limits, ..caller.clone() };
        Self { inner: Arc::new(Inner { manifest: manifest.clone(), vectors: vectors.clone(), caller }) }
    }

    /// The examples that it carries.
    pub fn vectors(&self) -> &[Vector] {
        &self.inner.vectors
    }

    /// Refuses to be used as something else.
    pub(crate) fn implements(&self, wanted: Hook) -> Result<(), ConfigureError> {
        let found = self.hook();
        if found == wanted {
            return Ok(());
        }
        Err(ConfigureError::Hook { plugin: self.plugin(), wanted, found })
    }

    /// Name and version.
    pub(crate) fn plugin(&self) -> String {
        self.inner.caller.plugin.as_ref().to_owned()
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("name", &self.name())
            .field("version", &self.version())
            .field("digest", &hex::encode(self.digest()))
            .finish()
    }
}
