//! An engine of one's own, and the components that `cargo xtask plugins` built.

use std::path::PathBuf;

use cap_std::{ambient_authority, fs::Dir};
use chancery_engine::{Apart, Component, Engine, EngineConfig, Limits, Template};
pub(crate) use chancery_guests::{built, with_section};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

/// An engine with a cache directory that vanishes with it.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) cache: tempfile::TempDir,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let cache = tempfile::tempdir().unwrap();
        let engine = start(&cache, [7; 32], limits);
        Self { engine, cache }
    }

    /// One whose plugins run in another process.
    pub(crate) fn apart(limits: Limits, apart: Apart) -> Self {
        let cache = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(cache.path(), ambient_authority()).unwrap();
        let apart = Some(apart);
        let config = EngineConfig { cache: dir, cache_key: [7; 32], limits, concurrency: 8, apart };
        Self { engine: Engine::start(config).unwrap(), cache }
    }

    /// What happens at the next start of the host, with this key.
    pub(crate) fn restarted(&self, cache_key: [u8; 32]) -> Engine {
        start(&self.cache, cache_key, *self.engine.limits())
    }

    pub(crate) async fn component(&self, name: &str) -> Component {
        self.engine.load(&built(name)).await.unwrap()
    }

    pub(crate) async fn template(&self, name: &str, configuration: Value) -> Template {
        let component = self.component(name).await;
        self.engine.template(&component, configuration).await.unwrap()
    }
}

fn start(cache: &tempfile::TempDir, cache_key: [u8; 32], limits: Limits) -> Engine {
    let cache = Dir::open_ambient_dir(cache.path(), ambient_authority()).unwrap();
    Engine::start(EngineConfig { cache, cache_key, limits, concurrency: 8, apart: None }).unwrap()
}

/// The component with these examples in the place of its own: the outermost section wins.
pub(crate) fn carrying(component: &[u8], vectors: &Value) -> Vec<u8> {
    with_section(component, "chancery:vectors", vectors.to_string().as_bytes())
}

pub(crate) fn plugins() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../plugins")
}

/// A day on which tests take place.
pub(crate) fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
}
