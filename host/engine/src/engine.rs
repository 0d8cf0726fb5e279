//! The engine: one per process.

use std::sync::Arc;

use cap_std::fs::Dir;
use serde_json::Value;
use tokio::{sync::Semaphore, task::spawn_blocking};
use wasmtime::component::{Component as Compiled, HasSelf, Linker};

use crate::{
    bindings::{CredentialTemplate, CredentialTemplatePre},
    cache::Cache,
    call::{CallState, Caller},
    canonical::sha256,
    check::{Refused, check},
    component::{Component, Inner},
    fault::TemplateError,
    limits::Limits,
    settings, template, ticker, wasi,
};

/// How to start an engine.
#[derive(Debug)]
pub struct EngineConfig {
    /// Where compiled plugins are kept. Nobody else should be able to write to it.
    pub cache: Dir,
    /// Authenticates what is kept there; not a secret that is on the same disk.
    pub cache_key: [u8; 32],
    /// What one call may use.
    pub limits: Limits,
    /// How many calls run at a time; 16 per processor is plenty.
    pub concurrency: usize,
}

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime does not accept its settings on this machine.
    #[error("failed to start the plugin engine: {0}")]
    Settings(String),
    /// The thread that interrupts guests cannot be started.
    #[error("failed to start the plugin engine's clock")]
    Ticker(#[source] std::io::Error),
}

/// Loads and runs plugins. Cloning it is cheap; a process needs one.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Shared>,
}

struct Shared {
    engine: wasmtime::Engine,
    linker: Linker<CallState>,
    cache: Cache,
    limits: Limits,
    slots: Arc<Semaphore>,
    /// One compilation at a time: the others wait rather than slow down what serves.
    compiler: Arc<Semaphore>,
}

impl Engine {
    /// Starts the engine and the thread that interrupts its guests.
    pub fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let EngineConfig { cache, cache_key, limits, concurrency } = config;
        let settings = |error: wasmtime::Error| EngineError::Settings(format!("{error:#}"));
        let concurrency = u32::try_from(concurrency.clamp(1, 1000)).unwrap_or(1000);
        let engine = wasmtime::Engine::new(&settings::config(&limits, concurrency, true)).or_else(|error| {
            // Address spaces of 39 bits, as on some ARM machines, have no room for the pool.
            tracing::warn!(%error, "plugins run without a pool of instances, at a quarter of the speed");
            wasmtime::Engine::new(&settings::config(&limits, concurrency, false))
        });
        let engine = engine.map_err(settings)?;
        let mut linker = Linker::new(&engine);
        wasi::link(&mut linker).map_err(settings)?;
        CredentialTemplate::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)
            .map_err(settings)?;
        ticker::start(&engine).map_err(EngineError::Ticker)?;
        let cache = Cache::new(cache, &cache_key, &engine);
        let slots = Arc::new(Semaphore::new(concurrency as usize));
        let compiler = Arc::new(Semaphore::new(1));
        Ok(Self { inner: Arc::new(Shared { engine, linker, cache, limits, slots, compiler }) })
    }

    /// What one call may use.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// Checks a plugin, then compiles it or takes it from the cache.
    ///
    /// Compiling takes about a second per megabyte, on a thread for blocking work.
    pub async fn load(&self, wasm: &[u8]) -> Result<Component, Refused> {
        let turn = Arc::clone(&self.inner.compiler).acquire_owned().await;
        let shared = Arc::clone(&self.inner);
        let wasm = wasm.to_vec();
        let compiling = spawn_blocking(move || {
            let _turn = turn; // kept until the compiler is done, whether anybody still waits or not
            shared.load(&wasm)
        });
        // The runtime catches a panic of the compiler and hands it over here.
        compiling.await.map_err(|_| Refused::CompilerPanicked)?
    }

    /// Asks a component what it issues under `configuration`, and checks the answer.
    pub async fn template(
        &self,
        component: &Component,
        configuration: Value,
    ) -> Result<template::Template, TemplateError> {
        template::Template::describe(component, &configuration).await
    }
}

impl Shared {
    fn load(&self, wasm: &[u8]) -> Result<Component, Refused> {
        let manifest = check(wasm, &self.limits)?;
        let digest = sha256(wasm);
        let compiled = match self.cache.load(&self.engine, &digest) {
            Some(compiled) => compiled,
            None => self.compile(wasm, &digest)?,
        };
        let prepared = self
            .linker
            .instantiate_pre(&compiled)
            .and_then(CredentialTemplatePre::new)
            .map_err(|error| Refused::Contract(format!("{error:#}")))?;
        let caller = Caller {
            plugin: format!("{} {}", manifest.name, manifest.version).into(),
            digest,
            prepared,
            limits: self.limits,
            slots: Arc::clone(&self.slots),
        };
        Ok(Component { inner: Arc::new(Inner { manifest, caller }) })
    }

    fn compile(&self, wasm: &[u8], digest: &[u8; 32]) -> Result<Compiled, Refused> {
        let compiled = Compiled::from_binary(&self.engine, wasm)
            .map_err(|error| Refused::Compile(format!("{error:#}")))?;
        self.cache.store(digest, &compiled);
        Ok(compiled)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", &self.inner.limits).finish_non_exhaustive()
    }
}
