//! `plugin`: what it costs to compile a plugin, to load it compiled, and to call it afresh.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use chancery_domain::Clock as _;
use chancery_domain::clock::SystemClock;
use chancery_engine::{
    Apart, Engine, EngineConfig, Limits, Outcome, PrepareRequest, Purpose, RunnerConfig, Template,
};
use serde_json::{Value, json};

use crate::cost::Family;
use crate::flow::{CONFIGURATION, subject};
use crate::measure::{microseconds, ms, rounded};
use crate::{cost, machine};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The `chancery` binary, which is its own plugin runner.
    #[arg(long)]
    chancery: PathBuf,
    /// The directory of the bundled plugins.
    #[arg(long)]
    plugins: PathBuf,
    /// An empty or absent directory to work in.
    #[arg(long)]
    data: PathBuf,
    /// A tenth of everything: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
}

/// An engine with a code cache of its own.
pub(crate) struct Bench {
    engine: Engine,
}

/// As many calls as run at a time.
const CONCURRENCY: usize = 32;

impl Bench {
    /// An engine that runs plugins in this process.
    pub(crate) fn start(cache: &Path) -> Result<Self> {
        Self::with(cache, Limits::default(), None)
    }

    /// An engine that runs plugins in another process, as servers do.
    pub(crate) fn apart(cache: &Path, chancery: &Path, limits: Limits) -> Result<Self> {
        let child = |arguments: &[&str]| RunnerConfig {
            program: chancery.to_owned(),
            arguments: arguments.iter().map(Into::into).collect(),
            environment: vec![("MIMALLOC_ARENA_RESERVE".into(), "32M".into())],
        };
        let runner = child(&["plugin-runner", &CONCURRENCY.to_string()]);
        Self::with(
            cache,
            limits,
            Some(Apart { runner, compiler: child(&["plugin-compiler"]), code: 192 << 20 }),
        )
    }

    fn with(cache: &Path, limits: Limits, apart: Option<Apart>) -> Result<Self> {
        std::fs::create_dir_all(cache)?;
        let config = EngineConfig {
            cache: Dir::open_ambient_dir(cache, ambient_authority())?,
            cache_key: [7; 32],
            limits,
            concurrency: CONCURRENCY,
            apart,
        };
        Ok(Self { engine: Engine::start(config)? })
    }

    /// The template of a component, under no configuration.
    pub(crate) async fn template(&self, path: &Path) -> Result<Template> {
        self.configured(&read(path)?, json!({})).await
    }

    /// The template of a component, under this configuration.
    pub(crate) async fn configured(&self, wasm: &[u8], configuration: Value) -> Result<Template> {
        let component = self.engine.load(wasm).await?;
        Ok(self.engine.template(&component, configuration).await?)
    }
}

/// The request of an issuance.
pub(crate) fn subject_request(subject: &Value) -> PrepareRequest<'_> {
    PrepareRequest::new(Purpose::Issue, "demo", subject, SystemClock.now())
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value> {
    let machine = machine::describe();
    let calls: u32 = if arguments.quick { 2_000 } else { 20_000 };
    let wasm = read(&arguments.plugins.join(format!("{CONFIGURATION}.wasm")))?;
    ensure!(!arguments.data.exists(), "{} is there already", arguments.data.display());

    eprintln!("compiling, and loading what was compiled");
    let (mut compiling, mut compiling_cpu, mut loading) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..10 {
        let bench = Bench::start(&arguments.data.join(format!("cache-{round}")))?;
        let (began, own) = (Instant::now(), cost::own());
        bench.engine.load(&wasm).await?;
        compiling.push(began.elapsed());
        compiling_cpu.push(cost::own().saturating_sub(own));
        for _ in 0..20 {
            let began = Instant::now();
            bench.engine.load(&wasm).await?;
            loading.push(began.elapsed());
        }
    }
    let here = Bench::start(&arguments.data.join("cache"))?;
    let apart = Bench::apart(&arguments.data.join("cache-apart"), &arguments.chancery, Limits::default())?;
    let path = arguments.plugins.join(format!("{CONFIGURATION}.wasm"));
    let (here, apart) = (here.template(&path).await?, apart.template(&path).await?);
    let (mut in_process, mut through_runner) = (Vec::new(), Vec::new());
    for concurrency in [1, 2, 8] {
        for (template, place, results) in
            [(&here, "in process", &mut in_process), (&apart, "through the runner", &mut through_runner)]
        {
            eprintln!("{calls} calls {place}, {concurrency} at a time");
            call(template, concurrency, calls / 10).await?;
            results.push(call(template, concurrency, calls).await?);
        }
    }
    std::fs::remove_dir_all(&arguments.data)?;
    Ok(json!({
        "benchmark": "plugin",
        "template": CONFIGURATION,
        "component_bytes": wasm.len(),
        "machine": machine,
        "load_after": machine::load(),
        "quick": arguments.quick,
        "compile_us": microseconds(compiling),
        "compile_cpu_us": microseconds(compiling_cpu),
        "load_from_cache_us": microseconds(loading),
        "fresh_call": { "in_process": in_process, "through_runner": through_runner },
    }))
}

/// `calls` calls, each in a fresh instance, shared by `concurrency` tasks.
async fn call(template: &Template, concurrency: u32, calls: u32) -> Result<Value> {
    // The runner is a child of this process, and counted in ticks: calls are many enough for that.
    let family = Family(std::process::id());
    let (own, all) = (cost::own(), family.used()?);
    let began = Instant::now();
    let mut working = Vec::new();
    for _ in 0..concurrency {
        let template = template.clone();
        working.push(tokio::spawn(async move {
            let subject = subject();
            let request = subject_request(&subject);
            let mut times: Vec<Duration> = Vec::new();
            for _ in 0..calls / concurrency {
                let began = Instant::now();
                let outcome = template.prepare(&request).await?;
                times.push(began.elapsed());
                ensure!(matches!(outcome, Outcome::Issue(_)), "the template refuses: {outcome:?}");
            }
            Ok(times)
        }));
    }
    let mut times = Vec::new();
    for work in working {
        times.append(&mut work.await.context("wait for a caller")??);
    }
    let each = |used: Duration| rounded(ms(used / calls) * 1e3);
    Ok(json!({
        "concurrency": concurrency,
        "calls": calls,
        "us": microseconds(times),
        "cpu_us_each": each(family.used()?.saturating_sub(all)),
        "cpu_us_each_in_this_process": each(cost::own().saturating_sub(own)),
        "calls_per_second": (f64::from(calls) / began.elapsed().as_secs_f64()).round(),
    }))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("read the plugin {}", path.display()))
}
