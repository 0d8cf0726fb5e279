//! What needs no server: check, inspect, run and bench, by the engine that servers run and within the same
//! limits.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use chancery_domain::Clock as _;
use chancery_domain::clock::SystemClock;
use chancery_engine::{
    Answer, Component, Engine, EngineConfig, Limits, Lookup, Measured, Outcome, PrepareRequest, Purpose,
    Report, Source, StageResult, Template, TestCase, Verdict,
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{configuration, read_component, read_json};
use crate::arguments::{Configured, For, Output, RunPlugin};
use crate::failure::Failure;
use crate::output;

/// How often a host has things looked up for one credential.
const MOST_ROUNDS: u8 = 3;

/// An engine for this command; what it compiles is not kept.
pub(super) struct Bench {
    pub(super) engine: Engine,
    _cache: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new() -> Result<Self, Failure> {
        let cache = tempfile::tempdir()?;
        let dir = Dir::open_ambient_dir(cache.path(), ambient_authority())?;
        let config = EngineConfig {
            cache: dir,
            // Nothing is ever read back.
            cache_key: [0; 32],
            limits: Limits::default(),
            concurrency: 2,
            apart: None,
        };
        let engine = Engine::start(config).map_err(|error| Failure::Machine(std::io::Error::other(error)))?;
        Ok(Self { engine, _cache: cache })
    }

    pub(super) async fn template(&self, wasm: &[u8], configured: &Configured) -> Result<Template, Failure> {
        let refused = |found: String| Failure::Plugin { found };
        let component = self.engine.load(wasm).await.map_err(|error| refused(error.to_string()))?;
        let configuration = configuration(configured.configuration.as_deref())?;
        self.engine.template(&component, configuration).await.map_err(|error| refused(error.to_string()))
    }
}

pub(super) async fn check(file: &Path, form: Output) -> Result<(), Failure> {
    let (report, _) = examine(file).await?;
    match form {
        Output::Json => output::data(&json!(report).to_string())?,
        Output::Text => output::data(&told(&report))?,
    }
    let failed = report.failures().count();
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::Plugin { found: format!("{failed} of its checks failed") })
}

pub(super) async fn examine(file: &Path) -> Result<(Report, Option<Component>), Failure> {
    let wasm = read_component(file)?;
    Ok(Bench::new()?.engine.examine(&wasm).await)
}

/// A report for people: a line for each stage, and below it what to do.
pub(super) fn told(report: &Report) -> String {
    let mut text = String::new();
    if let Some(manifest) = &report.manifest {
        let _ = writeln!(text, "{} {} ({} bytes)", manifest.name, manifest.version, report.size);
    }
    let _ = writeln!(text, "{}", report.digest);
    for step in &report.stages {
        let stage = output::word(&json!(step.stage));
        let _ = match &step.result {
            StageResult::Passed => writeln!(text, "  passed       {stage}"),
            StageResult::NotReached => writeln!(text, "  not reached  {stage}"),
            StageResult::Failed { cause, fix, .. } => {
                let (cause, fix) = (output::plain(cause), output::plain(fix));
                writeln!(text, "  FAILED       {stage}: {cause}\n               fix: {fix}")
            }
        };
    }
    if let Some(tests) = &report.self_test {
        for case in &tests.cases {
            text.push_str(&told_of(case));
        }
    }
    text
}

pub(super) fn told_of(case: &TestCase) -> String {
    let claim = output::plain(&case.claim);
    match &case.verdict {
        Verdict::Passed => format!("  passed       example: {claim}\n"),
        verdict => {
            let verdict = serde_json::to_string_pretty(verdict).unwrap_or_default();
            format!("  FAILED       example: {claim}\n{verdict}\n")
        }
    }
}

pub(super) async fn inspect(file: &Path, configured: &Configured, form: Output) -> Result<(), Failure> {
    let wasm = read_component(file)?;
    let bench = Bench::new()?;
    let (report, component) = bench.engine.examine(&wasm).await;
    let Some(component) = component else {
        output::data(&told(&report))?;
        return Err(Failure::Plugin { found: "the file is no plugin".into() });
    };
    let configuration = configuration(configured.configuration.as_deref())?;
    let template = bench.engine.template(&component, configuration).await;
    let described = template.as_ref().ok().map(|template| {
        let definition = template.definition();
        json!({
            "configuration_id": definition.configuration_id,
            "vct": definition.sd_jwt.as_ref().map(|form| &form.vct),
            "doctype": definition.mdoc.as_ref().map(|form| &form.doctype),
            "fields": definition.fields.iter().map(|field| &field.name).collect::<Vec<_>>(),
            "validity_days": definition.validity_days,
            "sources": template.sources().iter().map(Source::name).collect::<Vec<_>>(),
            "subject_schema": definition.subject_schema,
            "configuration_schema": template.configuration_schema(),
        })
    });
    let shown = json!({
        "digest": report.digest,
        "name": component.name(),
        "version": component.version(),
        "description": component.description(),
        "hook": component.hook().as_str(),
        "size": report.size,
        "imports": report.imports,
        "exports": report.exports,
        "examples": component.vectors().len(),
        "describes": described,
    });
    match form {
        Output::Json => output::data(&shown.to_string())?,
        Output::Text => output::data(&output::members(&shown))?,
    }
    Ok(())
}

pub(super) async fn run(run: &RunPlugin, form: Output) -> Result<(), Failure> {
    let (bench, wasm) = (Bench::new()?, read_component(&run.file)?);
    let template = bench.template(&wasm, &run.configured).await?;
    let subject = read_json(&run.subject)?;
    let call = ask(&template, run, &subject).await?;
    for line in &call.log {
        output::talk(&format!("the plugin said: {}", output::plain(&line.message)));
    }
    let outcome = call.answer.map_err(|fault| Failure::Plugin { found: traced(&fault) })?;
    let shown = shown(&outcome);
    match form {
        Output::Json => output::data(&json!({ "outcome": shown, "usage": call.usage }).to_string())?,
        Output::Text => {
            output::data(&serde_json::to_string_pretty(&shown).unwrap_or_default())?;
            let usage = call.usage;
            output::talk(&format!(
                "{} fuel, {} KiB of memory, {:?}",
                usage.fuel,
                usage.memory >> 10,
                usage.time
            ));
        }
    }
    Ok(())
}

/// What happened, and in which of the guest's functions.
pub(super) fn traced(fault: &chancery_engine::Fault) -> String {
    let mut text = fault.to_string();
    for function in &fault.trace {
        let _ = write!(text, "\n  in {function}");
    }
    text
}

/// What of the answers at hand a round of lookups asked for.
fn answered(lookups: &[Lookup], at_hand: &[Answer]) -> Vec<Answer> {
    lookups.iter().filter_map(|one| at_hand.iter().find(|answer| answer.id == one.id)).cloned().collect()
}

/// Asks, and as often as it needs to know more and the answers are at hand, asks again.
async fn ask(template: &Template, run: &RunPlugin, subject: &Value) -> Result<Measured<Outcome>, Failure> {
    let at_hand: Vec<Answer> = match &run.answers {
        None => Vec::new(),
        Some(path) => serde_json::from_value(read_json(path)?).map_err(|error| Failure::Usage {
            found: format!("{} holds no answers: {error}", path.display()),
            fix: "write them as `[{\"id\": \"…\", \"document\": …}]`, `null` where nothing is known".into(),
        })?,
    };
    let mut answers = Vec::new();
    let mut round = 0;
    loop {
        let call = ask_once(template, run, subject, &answers).await?;
        let Ok(Outcome::Need(lookups)) = &call.answer else { return Ok(call) };
        let more = answered(lookups, &at_hand);
        if round == MOST_ROUNDS || more.len() < lookups.len() {
            return Ok(call);
        }
        for (lookup, answer) in lookups.iter().zip(&more) {
            if let (Some(source), Some(document)) = (template.source(&lookup.source), &answer.document) {
                source.check_answer(document).map_err(|issues| Failure::Usage {
                    found: format!(
                        "the answer {} breaks the schema of its source: {}",
                        answer.id,
                        json!(issues)
                    ),
                    fix: "a host would not hand it on; correct it".into(),
                })?;
            }
        }
        answers.extend(more);
        round += 1;
    }
}

async fn ask_once(
    template: &Template,
    run: &RunPlugin,
    subject: &Value,
    answers: &[Answer],
) -> Result<Measured<Outcome>, Failure> {
    let now = time_of(run.now.as_deref())?;
    let purpose = match run.purpose {
        For::Offer => Purpose::Offer,
        For::Issue => Purpose::Issue,
        For::Renew => Purpose::Renew,
    };
    let completed_at = run.completed.then_some(now);
    let request = PrepareRequest::new(purpose, "here", subject, now);
    Ok(template.measure(&PrepareRequest { answers, completed_at, ..request }).await)
}

/// The time that somebody wrote; else now.
pub(super) fn time_of(text: Option<&str>) -> Result<OffsetDateTime, Failure> {
    Ok(match text {
        None => SystemClock.now(),
        Some(text) => OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Failure::Usage {
            found: format!("{text:?} is not a time"),
            fix: "write it like 2026-11-21T10:20:30Z".into(),
        })?,
    })
}

pub(super) fn shown(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Issue(_) => outcome.spelled(),
        Outcome::Need(lookups) => json!({
            "need": lookups.iter().map(|one| json!({
                "id": one.id, "source": one.source, "parameters": one.parameters
            })).collect::<Vec<_>>()
        }),
        Outcome::Defer(deferral) => {
            json!({ "defer": { "after_seconds": deferral.after.as_secs(), "reason": deferral.reason } })
        }
        Outcome::Refuse(issues) => json!({ "refuse": issues }),
    }
}

pub(super) async fn bench(run: &RunPlugin, count: u32, form: Output) -> Result<(), Failure> {
    let (bench, wasm) = (Bench::new()?, read_component(&run.file)?);
    let template = bench.template(&wasm, &run.configured).await?;
    let subject = read_json(&run.subject)?;
    let (mut fuel, mut memory, mut times) = (0, 0, Vec::new());
    for _ in 0..count.max(1) {
        let began = Instant::now();
        let call = ask(&template, run, &subject).await?;
        times.push(began.elapsed());
        call.answer.map_err(|fault| Failure::Plugin { found: traced(&fault) })?;
        (fuel, memory) = (call.usage.fuel, memory.max(call.usage.memory));
    }
    times.sort_unstable();
    let limits = bench.engine.limits();
    let at =
        |percent: usize| times.get(times.len() * percent / 100).map_or(0, std::time::Duration::as_micros);
    let shown = json!({
        "calls": times.len(),
        "fuel": fuel, "fuel_limit": limits.fuel,
        "memory": memory, "memory_limit": limits.memory,
        "microseconds_median": u64::try_from(at(50)).unwrap_or(u64::MAX),
        "microseconds_p99": u64::try_from(at(99)).unwrap_or(u64::MAX),
    });
    match form {
        Output::Json => output::data(&shown.to_string())?,
        Output::Text => output::data(&output::members(&shown))?,
    }
    Ok(())
}
