//! The engine: one per process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use cap_std::fs::Dir;
use serde_json::{Map, Value};
use tokio::{sync::Semaphore, task::spawn_blocking};
use wasmtime::component::Component as Compiled;

use crate::{
    cache::Cache,
    call::{Caller, Place},
    canonical::sha256,
    check::{Accepted, check},
    compiler,
    component::{Component, Inner},
    fault::ConfigureError,
    hook::Hook,
    license::License,
    limits::Limits,
    machine::Machine,
    manifest::Manifest,
    measured::Usage,
    policy::Policy,
    refused::Refused,
    report::{Report, Resources, Stage, StageResult},
    runner::{NotLoaded, Remote, RunnerConfig, Runners, Wanted},
    settings,
    template::Template,
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
    /// The processes that compile and run; without, this process does both.
    pub apart: Option<Apart>,
}

/// How to start the processes that run other people's code: this program, told what to be.
#[derive(Debug, Clone)]
pub struct Apart {
    /// What [serves](crate::runner::serve) as a runner of as many calls as `concurrency` says.
    pub runner: RunnerConfig,
    /// What [serves](crate::compiler::serve) as a compiler.
    pub compiler: RunnerConfig,
    /// Bytes of machine code that the runner has at a time; what it was not asked for the longest is loaded again when it
    /// is.
    pub code: usize,
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
    work: Work,
    cache: Arc<Cache>,
    limits: Limits,
    slots: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// Two compilations at a time at most: the others wait rather than slow down what serves, or take all
    /// memory.
    compiler: Arc<Semaphore>,
}

/// Where plugins are compiled and run.
enum Work {
    Here(Machine),
    Apart { runners: Arc<Runners>, compiler: RunnerConfig },
}

impl Engine {
    /// Starts the engine. Where nothing is set apart, a thread that interrupts guests comes with it.
    pub fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let EngineConfig { cache, cache_key, limits, concurrency, apart } = config;
        let (work, cache) = match apart {
            None => {
                let machine = Machine::start(&limits, concurrency, None)?;
                let cache = Arc::new(Cache::new(cache, &cache_key, machine.engine()));
                (Work::Here(machine), cache)
            }
            Some(Apart { runner, compiler, code }) => {
                // Only to tell which machine code is for this program.
                let engine = wasmtime::Engine::new(&settings::config(&limits, 1, false));
                let engine = engine.map_err(|error| EngineError::Settings(format!("{error:#}")))?;
                let cache = Arc::new(Cache::new(cache, &cache_key, &engine));
                let runners = Arc::new(Runners::new(runner, Arc::clone(&cache), concurrency, code));
                (Work::Apart { runners, compiler }, cache)
            }
        };
        let slots = Arc::new(Semaphore::new(concurrency.clamp(1, 1000)));
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let compiler = Arc::new(Semaphore::new(processors.min(2)));
        Ok(Self { inner: Arc::new(Shared { work, cache, limits, slots, waiting: Arc::default(), compiler }) })
    }

    /// What one call may use.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// How many calls wait for their turn.
    pub fn waiting(&self) -> usize {
        self.inner.waiting.load(Ordering::Relaxed)
    }

    /// Nobody has the plugin any more: what it was compiled to is deleted.
    pub fn forget(&self, component: &[u8; 32]) {
        self.inner.cache.forget(component);
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
        let digest = sha256(wasm);
        let mut report = Report::new(&digest, wasm.len());
        let loaded = match &self.inner.work {
            Work::Here(_) => {
                let (shared, wasm) = (Arc::clone(&self.inner), wasm.to_vec());
                in_the_background(&mut report, move |report| {
                    let _turn = turn; // kept until the compiler is done, whether anybody still waits or not
                    shared.load_here(&wasm, digest, report)
                })
                .await
            }
            Work::Apart { runners, compiler } => {
                let _turn = turn;
                self.inner.load_apart(runners, compiler, wasm, digest, &mut report).await
            }
        };
        (report, loaded)
    }
}

/// Does work that takes long on a thread for that. Its report comes back even if it panics.
async fn in_the_background<T: Send + 'static>(
    report: &mut Report,
    work: impl FnOnce(&mut Report) -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    let mut begun = report.clone();
    let working = spawn_blocking(move || {
        let done = work(&mut begun);
        (begun, done)
    });
    // The runtime catches a panic of the compiler and hands it over here.
    if let Ok((told, done)) = working.await {
        *report = told;
        return done;
    }
    let refused = Refused::CompilerPanicked;
    report.note(Stage::Compile, StageResult::from(&refused), Duration::ZERO);
    Err(refused)
}

impl Shared {
    fn load_here(&self, wasm: &[u8], digest: [u8; 32], report: &mut Report) -> Result<Component, Refused> {
        let Work::Here(machine) = &self.work else {
            return Err(Refused::Lost("plugins run in another process".into()));
        };
        let accepted = check(wasm, &self.limits, report)?;
        let (compiled, before) = report.attempt(Stage::Compile, || {
            if let Some(compiled) = self.cache.load(machine.engine(), &digest) {
                return Ok((compiled, true));
            }
            let broke = |error: wasmtime::Error| Refused::Compile(format!("{error:#}"));
            let compiled = Compiled::from_binary(machine.engine(), wasm).map_err(broke)?;
            self.cache.keep(&digest, &compiled.serialize().map_err(broke)?);
            Ok((compiled, false))
        })?;
        report.compiled_before = before;
        let needed = Resources::of(&compiled);
        report.resources = report.attempt(Stage::Resources, || fits(needed, &accepted.limits))?;
        let linked = report.attempt(Stage::Link, || {
            let linked = machine.link(&compiled, accepted.manifest.hook);
            linked.map_err(|error| Refused::Contract(format!("{error:#}")))
        })?;
        Ok(self.component(digest, accepted, Place::Here(Arc::new(linked))))
    }

    /// The same, where only what is read happens in this process.
    async fn load_apart(
        &self,
        runners: &Arc<Runners>,
        compiler: &RunnerConfig,
        wasm: &[u8],
        digest: [u8; 32],
        report: &mut Report,
    ) -> Result<Component, Refused> {
        let (limits, bytes) = (self.limits, wasm.to_vec());
        let accepted = in_the_background(report, move |report| check(&bytes, &limits, report)).await?;
        let started = Instant::now();
        report.compiled_before = self.cache.code(&digest).is_some();
        if report.compiled_before {
            report.note(Stage::Compile, StageResult::Passed, started.elapsed());
        } else {
            let compiled = compiler::compile(compiler, wasm).await;
            report.note(Stage::Compile, outcome(&compiled), started.elapsed());
            self.cache.keep(&digest, &compiled?);
        }
        let plugin = format!("{} {}", accepted.manifest.name, accepted.manifest.version);
        let wanted = Wanted { digest, plugin, hook: accepted.manifest.hook, limits: accepted.limits };
        let started = Instant::now();
        let loaded = runners.load(&wanted).await.map_err(|error| match error {
            NotLoaded::Refused(reason) => Refused::Contract(reason),
            NotLoaded::Lost(reason) => Refused::Lost(reason),
            NotLoaded::Uncached => Refused::Lost("its machine code is gone already".into()),
        });
        report.note(Stage::Link, outcome(&loaded), started.elapsed());
        let needed = loaded?;
        report.resources = report.attempt(Stage::Resources, || fits(needed, &accepted.limits))?;
        let remote = Remote { runners: Arc::clone(runners), wanted };
        Ok(self.component(digest, accepted, Place::Apart(Arc::new(remote))))
    }

    fn component(&self, digest: [u8; 32], accepted: Accepted, place: Place) -> Component {
        let Accepted { manifest, vectors, limits } = accepted;
        let plugin = format!("{} {}", manifest.name, manifest.version).into();
        let (slots, waiting) = (Arc::clone(&self.slots), Arc::clone(&self.waiting));
        let caller = Caller { plugin, digest, place, limits, slots, waiting };
        Component { inner: Arc::new(Inner { manifest, vectors, caller }) }
    }
}

fn outcome<T>(result: &Result<T, Refused>) -> StageResult {
    result.as_ref().err().map_or(StageResult::Passed, StageResult::from)
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

/// Whether an instance fits into what a call has.
fn fits(needed: Option<Resources>, limits: &Limits) -> Result<Option<Resources>, Refused> {
    let Some(resources) = needed else { return Ok(None) };
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
    Ok(needed)
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", &self.inner.limits).finish_non_exhaustive()
    }
}
