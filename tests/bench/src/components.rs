//! `components`: a thousand tenants, each with a template of its own, on one host: what it costs to have them all at hand,
//! and whether a call of one notices the others.
//!
//! Each component is the badge under another name, in its data. Nothing is shared for that they are alike: each is
//! compiled, kept, loaded and mapped by itself.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chancery_guests::saying;
use serde_json::{Value, json};

use crate::cost::{Family, Memory};
use crate::crew::Crew;
use crate::flow::{CONFIGURATION, Step, Variant};
use crate::goal::{at_most, count};
use crate::issue::make_empty;
use crate::issuer::{Address, Database, Server, Start};
use crate::machine;
use crate::manager::Manager;
use crate::measure::{milliseconds, ms, per, rounded};
use crate::place::Place;

const UNLIMITED: [(&str, &str); 2] = [("SAAS_MODE", "true"), ("CHANCERY_TENANT_RATE", "off")];
/// What the badge is called; each component calls it something else of the same length.
const NAME: &str = "Employee badge";
/// KiB of machine code that runners have at a time, if nobody says otherwise.
const PLUGIN_MEMORY: u64 = 192 << 10;
/// How many tenants are asked at a time.
const AT_A_TIME: usize = 8;

struct Plan {
    components: usize,
    /// Of issuances at the one that is looked at, by turns where it is alone and where all are.
    blocks: usize,
    block: usize,
}

impl Plan {
    const FULL: Self = Self { components: 1_000, blocks: 10, block: 200 };
    const QUICK: Self = Self { components: 60, blocks: 3, block: 40 };
}

/// A tenant and the version that is its own.
struct Settled {
    address: Address,
    digest: String,
}

pub(crate) async fn run(place: &Place) -> Result<Value> {
    let plan = if place.quick { Plan::QUICK } else { Plan::FULL };
    let (machine, data) = (machine::describe(), &place.data);
    make_empty(data)?;
    let badge = std::fs::read(place.plugins.join(format!("{CONFIGURATION}.wasm")))?;
    let database = Database::start(&data.join("postgres"), place.postgres.as_deref()).await?;
    let start = Start { binary: &place.chancery, plugins: &place.plugins, data, environment: &UNLIMITED };
    let measured = async {
        let server = Server::start(start, &database).await?;
        let settled = settle(&server, &badge, plan.components).await;
        server.stop().await?;
        let mut settled = settled?;
        // What is measured has compiled nothing; it finds everything compiled.
        let server = Server::start(start, &database).await?;
        for tenant in &mut settled {
            let (host, prefix) = (server.address.host.clone(), tenant.address.prefix.clone());
            let issuer = format!("http://{host}{prefix}");
            tenant.address = Address { host, prefix, issuer, ..tenant.address.clone() };
        }
        let measured = measure(&plan, &server, start, &database, &settled).await;
        server.stop().await?;
        measured
    }
    .await;
    database.stop().await?;
    let measured = measured?;
    std::fs::remove_dir_all(data)?;
    Ok(json!({
        "benchmark": "components",
        "machine": machine,
        "load_after": machine::load(),
        "quick": place.quick,
        "components": plan.components,
        "component_bytes": badge.len(),
        "distinct": "the badge, each under a name of its own in its data; compiled, kept and mapped one by one",
        "measured": measured,
    }))
}

/// Registers the tenants, and activates a version for each that nobody else has.
async fn settle(server: &Server, badge: &[u8], count: usize) -> Result<Vec<Settled>> {
    let mut operator = Manager::operator(server).await?;
    let (mut settled, began) = (Vec::new(), Instant::now());
    for number in 0..count {
        let (address, id) = operator.register(&format!("tenant-{number}")).await?;
        let digest =
            operator.upload(&saying(badge.to_vec(), NAME, &format!("Badge no. {number:04}"))).await?;
        let activations = format!("/tenants/{id}/activations");
        operator.ask("POST", &activations, &json!({ "digest": digest })).await?;
        settled.push(Settled { address, digest });
        if (number + 1).is_multiple_of(100) {
            eprintln!("{} components after {} s", number + 1, began.elapsed().as_secs());
        }
    }
    Ok(settled)
}

async fn measure(
    plan: &Plan,
    server: &Server,
    start: Start<'_>,
    database: &Database,
    settled: &[Settled],
) -> Result<Value> {
    let looked_at = settled.first().context("find a tenant")?;
    let before = Held::by(server)?;
    let began = Instant::now();
    // Twice: once to load each of them, and once to see that it is there.
    let mut passes = Vec::new();
    for pass in ["the first call of each", "the second"] {
        eprintln!("{pass}");
        passes.push(milliseconds(ask_each(settled).await?));
    }
    let took = began.elapsed();
    let held = Held::by(server)?;
    let alone = server.twin(start, database).await?;
    let beside = async {
        let alone_address = Address { host: alone.address.host.clone(), ..looked_at.address.clone() };
        let places = [(&alone, alone_address), (server, looked_at.address.clone())];
        compare(plan, places, &looked_at.digest).await
    }
    .await;
    alone.stop().await?;
    let ([alone, among_all], ratio) = beside?;
    let kept = compiled(start)?;
    let together = held.together(kept);
    Ok(json!({
        "memory_kib": {
            "after_the_start": before.document(),
            "with_all_of_them": held.document(),
            "machine_code_on_disk": kept,
        },
        "issuance_ms": { "first": passes.first(), "second": passes.get(1) },
        "asking_all_took_seconds": rounded(took.as_secs_f64()),
        "one_of_them": { "alone": alone, "among_all": among_all },
        "goals": [
            at_most("server and runners, resident", "MiB", 500.0, Some(mib(held.resident()))),
            at_most("the same, with all the code that memory holds for them", "MiB", 500.0, Some(mib(together))),
            at_most("a call of one among all, of alone", "times", 1.1, ratio),
        ],
    }))
}

/// What the processes of a server hold.
struct Held {
    server: Memory,
    runners: Memory,
}

impl Held {
    fn by(server: &Server) -> Result<Self> {
        let runners = server.processes().children("plugin-runner").into_iter().map(Family::memory);
        Ok(Self { server: server.processes().memory()?, runners: runners.sum::<Result<_>>()? })
    }

    fn resident(&self) -> u64 {
        self.server.resident + self.runners.resident
    }

    /// The code lies in files in memory, of which a process has resident only what it touched: at most all that was
    /// compiled, and no more than the runners may have.
    fn together(&self, compiled: u64) -> u64 {
        self.resident() - self.runners.shared + compiled.min(PLUGIN_MEMORY).max(self.runners.shared)
    }

    fn document(&self) -> Value {
        let of = |memory: &Memory| json!({ "resident": memory.resident, "anonymous": memory.anonymous, "of_files_in_memory": memory.shared });
        json!({ "server": of(&self.server), "runners": of(&self.runners) })
    }
}

/// KiB of machine code that was kept.
fn compiled(start: Start<'_>) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(start.data.join("issuer/compiled-plugins"))?.flatten() {
        bytes += entry.metadata()?.len();
    }
    Ok(bytes >> 10)
}

/// One issuance of every tenant.
async fn ask_each(settled: &[Settled]) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for some in settled.chunks(AT_A_TIME) {
        let mut crew = Crew::of(some.iter().map(|tenant| &tenant.address), Variant::PLAIN).await?;
        let issued = crew.issue_each().await?;
        ensure!(issued.len() == some.len(), "everybody issues once");
        times.extend(issued.iter().map(|times| times.iter().map(|(_, took)| *took).sum::<Duration>()));
    }
    Ok(times)
}

/// The same tenant where it is alone and where all are, by turns, so that both have the same machine.
async fn compare(
    plan: &Plan,
    places: [(&Server, Address); 2],
    digest: &str,
) -> Result<([Value; 2], Option<f64>)> {
    let mut crews = Vec::new();
    let mut counted = [(0, 0); 2];
    for (_, address) in &places {
        let mut crew = Crew::connect(address, Variant::PLAIN, 1).await?;
        crew.issue(plan.block).await?;
        crews.push((crew, Vec::new(), Duration::ZERO));
    }
    let mut began = [(0, 0); 2];
    for ((_, address), began) in places.iter().zip(&mut began) {
        *began = calls(address, digest).await?;
    }
    for _ in 0..plan.blocks {
        for ((server, _), (crew, offers, cpu)) in places.iter().zip(&mut crews) {
            let before = server.processes().used()?;
            let issued = crew.issue(plan.block).await?;
            *cpu += server.processes().used()?.saturating_sub(before);
            let steps = issued.into_iter().flatten();
            offers.extend(steps.filter(|(step, _)| *step == Step::Offer).map(|(_, took)| took));
        }
    }
    for (((_, address), began), counted) in places.iter().zip(&began).zip(&mut counted) {
        let now = calls(address, digest).await?;
        *counted = (now.0 - began.0, now.1 - began.1);
    }
    let each = counted.map(|(calls, microseconds)| per(count(microseconds), calls));
    let mut documents = crews.into_iter().zip(each).map(|((_, offers, cpu), each)| {
        json!({
            "a_call_us": rounded(each),
            "offer_ms": milliseconds(offers),
            "cpu_ms_per_issuance_of_server_and_runner": rounded(per(ms(cpu), plan.blocks * plan.block)),
        })
    });
    let documents = [documents.next().unwrap_or_default(), documents.next().unwrap_or_default()];
    let [alone, among_all] = each;
    Ok((documents, (alone > 0.0).then(|| among_all / alone)))
}

/// How often the tenant's template was asked at that process, and what that took it in microseconds.
async fn calls(address: &Address, digest: &str) -> Result<(usize, usize)> {
    let path = format!("/plugins/{digest}/metrics");
    let metrics = Manager::at(address).await?.ask("GET", &path, &Value::Null).await?;
    let number = |pointer: &str| {
        let found = metrics.pointer(pointer).and_then(Value::as_u64);
        Ok::<_, anyhow::Error>(usize::try_from(
            found.with_context(|| format!("find {pointer} in {metrics}"))?,
        )?)
    };
    Ok((number("/calls")?, number("/usage/microseconds")?))
}

#[expect(clippy::cast_precision_loss, reason = "memory here is far below 2^52 KiB")]
fn mib(kib: u64) -> f64 {
    rounded(kib as f64 / 1024.0)
}
