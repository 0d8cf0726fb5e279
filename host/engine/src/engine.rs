//! The engine: one per process.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cap_std::fs::Dir;
use serde_json::{Map, Value};
use tokio::{sync::Semaphore, task::spawn_blocking};
use wasmtime::component::{Component as Compiled, HasSelf, Linker};

use crate::{
    bindings::CredentialTemplate,
    cache::Cache,
    call::{CallState, Caller},
    canonical::sha256,
    check::{Accepted, check},
    component::{Component, Inner},
    fault::ConfigureError,
    hook::Hook,
    license::License,
    limits::Limits,
    linked::Linked,
    manifest::Manifest,
    measured::Usage,
    policy::Policy,
    refused::Refused,
    report::{Report, Resources, Stage, StageResult},
    settings,
    template::Template,
    ticker, wasi,
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
    /// Two compilations at a time at most: the others wait rather than slow down what serves, or take all
    /// memory.
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
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let compiler = Arc::new(Semaphore::new(processors.min(2)));
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
        self.admit(wasm).await.1
    }

    /// Looks at a file without compiling it: what is wrong with it by name, size and structure.
    pub fn check(&self, wasm: &[u8]) -> (Report, Result<Manifest, Refused>) {
        let mut report = Report::new(&sha256(wasm), wasm.len());
        let accepted = check(wasm, &self.inner.limits, &mut report);
        (report, accepted.map(|accepted| accepted.manifest))
    }

    /// Loads a plugin, has it describe itself and run its examples, and reports on every stage. The component
    /// comes along if it was loaded, whether its examples passed or not.
    pub async fn examine(&self, wasm: &[u8]) -> (Report, Option<Component>) {
        let (mut report, loaded) = self.admit(wasm).await;
        let Ok(component) = loaded else { return (report, None) };
        let started = Instant::now();
        let described = describe(&component).await;
        let result = match &described {
            Ok(_) => StageResult::Passed,
            Err(error) => StageResult::Failed {
                code: error.code().into(),
                cause: error.to_string(),
                fix: "describe must answer the empty configuration `{}` with what can be issued".into(),
            },
        };
        report.note(Stage::Describe, result, started.elapsed());
        if let Ok(description) = described {
            report.description = Some(description);
            let started = Instant::now();
            let tested = component.self_test().await;
            report.note(Stage::SelfTest, tested.result(), started.elapsed());
            report.self_test = Some(tested);
        }
        (report, Some(component))
    }

    /// Asks a component what it issues under `configuration`, and checks the answer.
    pub async fn template(
        &self,
        component: &Component,
        configuration: Value,
    ) -> Result<Template, ConfigureError> {
        Template::describe(component, &configuration).await
    }

    /// Asks an onboarding policy how it is shown under `configuration`, and checks the answer.
    pub async fn policy(
        &self,
        component: &Component,
        configuration: Value,
    ) -> Result<Policy, ConfigureError> {
        Policy::describe(component, &configuration).await
    }

    /// Asks a licence plugin how it is shown under `configuration`, and checks the answer.
    pub async fn license(
        &self,
        component: &Component,
        configuration: Value,
    ) -> Result<License, ConfigureError> {
        License::describe(component, &configuration).await
    }

    async fn admit(&self, wasm: &[u8]) -> (Report, Result<Component, Refused>) {
        let turn = Arc::clone(&self.inner.compiler).acquire_owned().await;
        let shared = Arc::clone(&self.inner);
        let digest = sha256(wasm);
        let begun = Report::new(&digest, wasm.len());
        let (mut report, wasm) = (begun.clone(), wasm.to_vec());
        let admitting = spawn_blocking(move || {
            let _turn = turn; // kept until the compiler is done, whether anybody still waits or not
            let loaded = shared.load(&wasm, digest, &mut report);
            (report, loaded)
        });
        // The runtime catches a panic of the compiler and hands it over here.
        admitting.await.unwrap_or_else(|_| {
            let mut report = begun;
            let refused = Refused::CompilerPanicked;
            report.note(Stage::Compile, StageResult::from(&refused), Duration::ZERO);
            (report, Err(refused))
        })
    }
}

impl Shared {
    fn load(&self, wasm: &[u8], digest: [u8; 32], report: &mut Report) -> Result<Component, Refused> {
        let Accepted { manifest, vectors, limits } = check(wasm, &self.limits, report)?;
        let (compiled, before) = report.attempt(Stage::Compile, || self.compiled(wasm, &digest))?;
        report.compiled_before = before;
        report.resources = report.attempt(Stage::Resources, || resources(&compiled, &limits))?;
        let linked = report.attempt(Stage::Link, || {
            let linked = self.linker.instantiate_pre(&compiled);
            linked
                .and_then(|component| Linked::new(manifest.hook, component))
                .map_err(|error| Refused::Contract(format!("{error:#}")))
        })?;
        let caller = Caller {
            plugin: format!("{} {}", manifest.name, manifest.version).into(),
            digest,
            linked: Arc::new(linked),
            limits,
            slots: Arc::clone(&self.slots),
        };
        Ok(Component { inner: Arc::new(Inner { manifest, vectors, caller }) })
    }

    /// The machine code, and whether it was at hand already.
    fn compiled(&self, wasm: &[u8], digest: &[u8; 32]) -> Result<(Compiled, bool), Refused> {
        if let Some(compiled) = self.cache.load(&self.engine, digest) {
            return Ok((compiled, true));
        }
        let compiled = Compiled::from_binary(&self.engine, wasm)
            .map_err(|error| Refused::Compile(format!("{error:#}")))?;
        self.cache.store(digest, &compiled);
        Ok((compiled, false))
    }
}

/// Has a component describe itself under the empty configuration, and tells what that cost.
async fn describe(component: &Component) -> Result<Usage, ConfigureError> {
    let empty = Value::Object(Map::new());
    Ok(match component.hook() {
        Hook::CredentialTemplate => Template::describe(component, &empty).await?.description_usage(),
        Hook::OnboardingPolicy => Policy::describe(component, &empty).await?.description_usage(),
        Hook::License => License::describe(component, &empty).await?.description_usage(),
    })
}

/// What an instance needs, where that can be told before there is one.
fn resources(compiled: &Compiled, limits: &Limits) -> Result<Option<Resources>, Refused> {
    let Some(needed) = compiled.resources_required() else { return Ok(None) };
    let resources = Resources {
        memories: needed.num_memories,
        memory: needed.max_initial_memory_size.unwrap_or_default(),
        tables: needed.num_tables,
        table_elements: needed.max_initial_table_size.unwrap_or_default(),
    };
    for (what, found, allowed) in [
        ("memories", resources.memories.into(), settings::MEMORIES.into()),
        ("bytes of initial memory", resources.memory, limits.memory as u64),
        ("tables", resources.tables.into(), settings::TABLES.into()),
        ("elements in a table", resources.table_elements, limits.table_elements as u64),
    ] {
        if found > allowed {
            return Err(Refused::Resources { what: what.to_owned(), found, allowed });
        }
    }
    Ok(Some(resources))
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", &self.inner.limits).finish_non_exhaustive()
    }
}
