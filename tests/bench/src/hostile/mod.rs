//! `hostile`: everything that tests let loose on a host, let loose on a server that others use meanwhile. What it may
//! cost them, and the host, is decided; here it is measured.

mod calls;
mod deadlines;
mod restarts;
mod uploads;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};

use crate::goal::{at_most, count, ratio};
use crate::issue::make_empty;
use crate::issuer::{Address, Database, Server, Start};
use crate::machine;
use crate::manager::Manager;
use crate::measure::spread;
use crate::pace::{Worked, work};
use crate::place::Place;
use watch::Watch;

/// How many tenants go on with their work.
const OTHERS: usize = 4;
/// With every limit as it is by itself.
const MANY: [(&str, &str); 1] = [("SAAS_MODE", "true")];

struct Plan {
    /// How long the others are alone.
    alone: Duration,
    /// How long each misbehaviour goes on.
    each: Duration,
    damaged: usize,
    restarts: usize,
    /// Calls that are ended at their deadline, of each kind.
    overdue: usize,
}

impl Plan {
    const FULL: Self = Self {
        alone: Duration::from_secs(30),
        each: Duration::from_secs(4),
        damaged: 200,
        restarts: 20,
        overdue: 200,
    };
    const QUICK: Self = Self {
        alone: Duration::from_secs(5),
        each: Duration::from_millis(700),
        damaged: 12,
        restarts: 4,
        overdue: 24,
    };
}

pub(crate) async fn run(place: &Place) -> Result<Value> {
    let plan = if place.quick { Plan::QUICK } else { Plan::FULL };
    let (machine, data) = (machine::describe(), &place.data);
    make_empty(data)?;
    eprintln!("deadlines");
    let deadlines = deadlines::measure(&data.join("engine"), &place.chancery, plan.overdue).await?;
    let database = Database::start(&data.join("postgres"), place.postgres.as_deref()).await?;
    let start = Start { binary: &place.chancery, plugins: &place.plugins, data, environment: &MANY };
    let measured = async {
        let mut server = Server::start(start, &database).await?;
        let measured = measure(&plan, &mut server, start, &deadlines).await;
        let stopped = server.stop().await;
        let measured = measured?;
        stopped?;
        anyhow::Ok(measured)
    }
    .await;
    database.stop().await?;
    let mut document = measured?;
    std::fs::remove_dir_all(data)?;
    if let Some(members) = document.as_object_mut() {
        members.insert("machine".to_owned(), machine);
        members.insert("load_after".to_owned(), json!(machine::load()));
        members.insert("quick".to_owned(), place.quick.into());
        members.insert("ended_after_the_deadline_ms".to_owned(), deadlines.document());
    }
    Ok(document)
}

async fn measure(
    plan: &Plan,
    server: &mut Server,
    start: Start<'_>,
    deadlines: &deadlines::Overdue,
) -> Result<Value> {
    let mut operator = Manager::operator(server).await?;
    let mut others = Vec::new();
    for number in 0..OTHERS {
        others.push(operator.register(&format!("tenant-{number}")).await?.0);
    }
    let villains = calls::settle(&mut operator).await?;
    let (files, another) = (uploads::made(plan.damaged), operator.another().await?);
    eprintln!("the others, alone");
    until(&others, plan.alone / 4).await?;
    let alone = until(&others, plan.alone).await?;
    ensure!(alone.failures.is_empty(), "alone, with nobody to blame: {}", alone.failures.join("; "));
    let baseline = server.processes().memory()?;

    let watch = Watch::begin(server.processes())?;
    let each = plan.each;
    let (called, calls) = meanwhile(&others, move || calls::let_loose(villains, each)).await?;
    let while_calling = watch.end()?;
    let watch = Watch::begin(server.processes())?;
    let (uploaded, uploads) = meanwhile(&others, move || uploads::let_loose(operator, files)).await?;
    let while_uploading = watch.end()?;
    let watched = while_calling.or(while_uploading);
    // Nothing is wrong with it; it is only the largest that there is.
    let watch = Watch::begin(server.processes())?;
    let (beside, interpreter) = meanwhile(&others, move || uploads::an_interpreter(another)).await?;
    let while_compiling = watch.end()?;
    eprintln!("runners that end");
    let lost = said(start, "plugin runner ended by itself")?;
    let restarts = restarts::measure(server, others.first().context("find a tenant")?, plan.restarts).await?;

    // A guest's panic is told in a line that begins with the time.
    let panics = said(start, "\nthread '")?;
    let crashes = panics + usize::from(!server.is_running()?);
    let failures: Vec<_> = called.failures.iter().chain(&uploaded.failures).chain(&beside.failures).collect();
    let (alone, called, uploaded) =
        (spread(alone.times), spread(called.times), spread(uploaded.times.clone()));
    let kib = |kib: u64| count(usize::try_from(kib).unwrap_or(usize::MAX)) / 1024.0;
    let goals = [
        at_most("the server's crashes and panics", "times", 0.0, Some(count(crashes))),
        at_most(
            "what the server grew by",
            "MiB",
            64.0,
            Some(kib(watched.server.saturating_sub(baseline.resident))),
        ),
        at_most("the runner, resident", "MiB", 256.0, Some(kib(watched.runner))),
        at_most("a compiler, resident", "MiB", 1_024.0, Some(kib(watched.or(while_compiling).compiler))),
        at_most("a guest ended after its deadline", "ms", 20.0, deadlines.most()),
        at_most("an upload decided", "s", 30.0, Some(uploads.slowest.max(interpreter.slowest))),
        at_most(
            "the others' p99 while guests misbehave, of alone",
            "times",
            2.0,
            ratio(&called, &alone, "p99"),
        ),
        at_most(
            "the others' p99 while files are uploaded, of alone",
            "times",
            2.0,
            ratio(&uploaded, &alone, "p99"),
        ),
        at_most("the others' failures", "issuances", 0.0, Some(count(failures.len()))),
        at_most("a call after the runner was killed", "ms", 200.0, restarts.most()),
    ];
    Ok(json!({
        "benchmark": "hostile",
        "goals": goals,
        "others": {
            "alone_ms": alone,
            "while_guests_misbehave_ms": called,
            "while_files_are_uploaded_ms": uploaded,
            "while_an_interpreter_is_ms": spread(beside.times),
            "failures": failures.iter().take(5).collect::<Vec<_>>(),
        },
        "resident_kib": {
            "server_before": baseline.resident,
            "at_most_while_guests_misbehave": while_calling.document(),
            "at_most_while_files_are_uploaded": while_uploading.document(),
            "at_most_while_an_interpreter_is": while_compiling.document(),
        },
        "runners_that_ended_by_themselves": lost,
        "calls": calls,
        "uploads": uploads.document,
        "an_interpreter": interpreter.document,
        "restarts": restarts.document(),
    }))
}

/// How often the server logged that.
fn said(start: Start<'_>, what: &str) -> Result<usize> {
    Ok(std::fs::read_to_string(start.data.join("chancery.log"))?.matches(what).count())
}

/// Has the others work for so long.
async fn until(others: &[Address], lasting: Duration) -> Result<Worked> {
    let began = Instant::now();
    work(others, move || began.elapsed() < lasting).await
}

/// Has the others work while somebody does something else, in a thread that waits for none of them.
async fn meanwhile<T: Send + 'static, F: Future<Output = Result<T>>>(
    others: &[Address],
    something: impl FnOnce() -> F + Send + 'static,
) -> Result<(Worked, T)> {
    let done = Arc::new(AtomicBool::new(false));
    let thread = std::thread::Builder::new().name("villain".to_owned()).spawn({
        let done = Done(Arc::clone(&done));
        move || {
            let _done = done;
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(something())
        }
    })?;
    let goes_on = move || !done.load(Ordering::Acquire);
    let worked = work(others, goes_on).await?;
    let came_of_it = thread.join().map_err(|_| anyhow!("whoever meant no good broke"))??;
    Ok((worked, came_of_it))
}

/// Says that it is done when it is gone, even if it broke.
struct Done(Arc<AtomicBool>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
