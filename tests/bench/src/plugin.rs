//! `plugin`: what it costs to compile a plugin, to load it compiled, and to call it afresh.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use chancery_domain::Clock as _;
use chancery_domain::clock::SystemClock;
use chancery_engine::{Engine, EngineConfig, Limits, Outcome, PrepareRequest, Purpose, Template};
use serde_json::{Value, json};

use crate::flow::{CONFIGURATION, subject};
use crate::measure::{microseconds, ms, rounded};
use crate::{cost, machine};

#[derive(clap::Args)]
pub(crate) struct Arguments {
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

impl Bench {
    pub(crate) fn start(cache: &Path) -> Result<Self> {
        std::fs::create_dir_all(cache)?;
        let config = EngineConfig {
            cache: Dir::open_ambient_dir(cache, ambient_authority())?,
            cache_key: [7; 32],
            limits: Limits::default(),
            concurrency: 32,
            apart: None,
        };
        Ok(Self { engine: Engine::start(config)? })
    }

    /// The template of a component, under no configuration.
    pub(crate) async fn template(&self, path: &Path) -> Result<Template> {
        let component = self.engine.load(&read(path)?).await?;
        Ok(self.engine.template(&component, json!({})).await?)
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
    let bench = Bench::start(&arguments.data.join("cache"))?;
    let component = bench.engine.load(&wasm).await?;
    let template = bench.engine.template(&component, json!({})).await?;
    let mut concurrencies = Vec::new();
    for concurrency in [1, 2] {
        eprintln!("{calls} calls, {concurrency} at a time");
        call(&template, concurrency, calls / 10).await?;
        concurrencies.push(call(&template, concurrency, calls).await?);
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
        "fresh_call": concurrencies,
    }))
}

/// `calls` calls, each in a fresh instance, shared by `concurrency` tasks.
async fn call(template: &Template, concurrency: u32, calls: u32) -> Result<Value> {
    let own = cost::own();
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
    Ok(json!({
        "concurrency": concurrency,
        "calls": calls,
        "us": microseconds(times),
        "cpu_us_each": rounded(ms(cost::own().saturating_sub(own) / calls) * 1e3),
        "calls_per_second": (f64::from(calls) / began.elapsed().as_secs_f64()).round(),
    }))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("read the plugin {}", path.display()))
}
