//! Everything that ought to cost the same however many tenants there are.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::settle::{Settled, Settler};
use super::{Plan, Platform, cpu_ms};
use crate::crew::Crew;
use crate::flow::Variant;
use crate::http::Connection;
use crate::issue::split;
use crate::issuer::{Database, Server, Start, used};
use crate::measure::{rounded, spread};

/// How many tenants issue at the same time.
const ISSUERS: usize = 8;
/// How many tenants are asked for in turn.
const SAMPLE: usize = 200;
/// How long it may take to seal what was told of the new tenants.
const SEALED_WITHIN: Duration = Duration::from_mins(5);

pub(super) async fn measure(
    plan: &Plan,
    start: Start<'_>,
    database: &mut Database,
    settler: &mut Settler,
    settled: &[Settled],
) -> Result<Value> {
    let (started, server) = started(plan, start, database).await?;
    let document = async {
        let sealed = seal(settler).await?;
        eprintln!("{} tenants: resolution", settled.len());
        let resolution = resolution(plan, &server, database, settler, settled).await?;
        eprintln!("{} tenants: issuance", settled.len());
        let issuance = issuance(plan, &server, database, settled).await?;
        let worked = server.processes().memory()?;
        eprintln!("{} tenants: registration, lists", settled.len());
        let ready = ready(plan, &server, settled).await?;
        let registration = registration(plan, &server, database, settled.len()).await?;
        let lists = lists(plan, &server, settled).await?;
        anyhow::Ok(json!({
            "tenants": settled.len(),
            "start": started,
            "sealed_after_seconds": sealed,
            "resolution": resolution,
            "issuance": issuance,
            "resident_kib_after_issuance": worked.resident,
            "kept_ready": ready,
            "registration": registration,
            "lists": lists,
        }))
    }
    .await;
    let stopped = server.stop().await;
    let document = document?;
    stopped?;
    Ok(document)
}

/// The last of several starts, all of which find their plugins compiled.
async fn started(plan: &Plan, start: Start<'_>, database: &Database) -> Result<(Value, Server)> {
    let mut seconds = Vec::new();
    loop {
        let (began, before) = (Instant::now(), database.used()?);
        let server = Server::start(start, database).await?;
        seconds.push(rounded(began.elapsed().as_secs_f64()));
        let cpu = server.processes().used()? + database.used()?.saturating_sub(before);
        if seconds.len() < plan.starts {
            server.stop().await?;
            continue;
        }
        let memory = server.processes().memory()?;
        let document = json!({
            "seconds": seconds,
            "cpu_ms": cpu_ms(cpu, 1),
            "resident_kib": memory.resident,
            "anonymous_kib": memory.anonymous,
        });
        return Ok((document, server));
    }
}

/// Waits until the trail of the registrations is sealed, so that nobody works on it meanwhile.
async fn seal(settler: &mut Settler) -> Result<f64> {
    let began = Instant::now();
    while !settler.is_sealed().await? {
        ensure!(began.elapsed() < SEALED_WITHIN, "the audit trail is not sealed");
        sleep(Duration::from_millis(100)).await;
    }
    Ok(rounded(began.elapsed().as_secs_f64()))
}

/// From a URL to a tenant that answers: the first time, and every other time.
async fn resolution(
    plan: &Plan,
    server: &Server,
    database: &Database,
    settler: &mut Settler,
    settled: &[Settled],
) -> Result<Value> {
    let sample: Vec<_> = spread_out(settled, SAMPLE).collect();
    let mut connection = Connection::open(&server.address.host).await?;
    let (mut cold, mut cold_times) = (crate::cost::Used::default(), Vec::new());
    for turn in sample.chunks(plan.cold).cycle() {
        settler.make_all_forget().await?;
        sleep(Duration::from_millis(50)).await;
        let before = used(server, database)?;
        for tenant in turn {
            cold_times.push(ask_for(&mut connection, server, tenant).await?);
        }
        cold = cold + (used(server, database)? - before);
        if cold_times.len() >= plan.cold {
            break;
        }
    }
    for tenant in &sample {
        ask_for(&mut connection, server, tenant).await?;
    }
    let before = used(server, database)?;
    let mut warm_times = Vec::new();
    for tenant in sample.iter().cycle().take(plan.warm) {
        warm_times.push(ask_for(&mut connection, server, tenant).await?);
    }
    let warm = used(server, database)? - before;
    Ok(json!({
        "cold": { "milliseconds": spread(cold_times.clone()), "cpu_ms": split(cold, cold_times.len()) },
        "warm": { "milliseconds": spread(warm_times.clone()), "cpu_ms": split(warm, warm_times.len()) },
    }))
}

async fn ask_for(connection: &mut Connection, server: &Server, tenant: &Settled) -> Result<Duration> {
    let began = Instant::now();
    let path = format!("{}/jwks", tenant.address(server).prefix);
    let answer = connection.send("GET", &path, &[], "").await?;
    ensure!(answer.status == 200, "GET {path} answered {}", answer.status);
    Ok(began.elapsed())
}

/// Complete issuances of several tenants at once.
async fn issuance(
    plan: &Plan,
    server: &Server,
    database: &mut Database,
    settled: &[Settled],
) -> Result<Value> {
    let addresses: Vec<_> = spread_out(settled, ISSUERS).map(|tenant| tenant.address(server)).collect();
    let mut crew = Crew::of(addresses.iter(), Variant::PLAIN).await?;
    crew.issue(plan.issuances / 4).await?;
    let (wal, before) = (database.wal().await?, used(server, database)?);
    let times = crew.issue(plan.issuances).await?;
    let cost = used(server, database)? - before;
    let wal = database.wal().await? - wal;
    let whole = times.iter().map(|times| times.iter().map(|(_, took)| *took).sum()).collect();
    Ok(json!({
        "milliseconds": spread(whole),
        "cpu_ms": split(cost, plan.issuances),
        "wal_bytes": wal / u64::try_from(plan.issuances)?,
    }))
}

/// One more tenant.
async fn registration(plan: &Plan, server: &Server, database: &Database, stage: usize) -> Result<Value> {
    let mut platform = Platform::connect(server).await?;
    let (before, mut times) = (used(server, database)?, Vec::new());
    for number in 0..plan.registrations {
        let began = Instant::now();
        platform.register(&format!("newcomer-{stage}-{number}")).await?;
        times.push(began.elapsed());
    }
    let cost = used(server, database)? - before;
    Ok(json!({ "milliseconds": spread(times), "cpu_ms": split(cost, plan.registrations) }))
}

/// What an operator reads.
async fn lists(plan: &Plan, server: &Server, settled: &[Settled]) -> Result<Value> {
    let mut platform = Platform::connect(server).await?;
    let mut lists = serde_json::Map::new();
    let (middle, first) = (settled.get(settled.len() / 2), settled.first());
    let cursor = middle.context("find a tenant in the middle")?.cursor();
    let deep = format!("?limit=50&cursor={cursor}");
    let first = first.context("find the first tenant")?.cursor();
    let below = format!("/{first}/children");
    let last = format!("?search=tenant-{}", settled.len() - 1);
    for (what, query) in [
        ("first_page", "?limit=50"),
        ("deep_page", deep.as_str()),
        ("children_of_one_that_has_none", below.as_str()),
        ("search_for_many", "?search=university"),
        ("search_for_one", last.as_str()),
        ("search_for_the_first", "?search=tenant-0"),
        ("search_for_nobody", "?search=nobody-at-all"),
    ] {
        let mut times = Vec::new();
        for _ in 0..plan.pages {
            times.push(platform.page(query).await?);
        }
        lists.insert(what.to_owned(), spread(times));
    }
    Ok(Value::Object(lists))
}

/// What it costs to keep a tenant ready; how many are kept is bounded.
async fn ready(plan: &Plan, server: &Server, settled: &[Settled]) -> Result<Value> {
    let mut connection = Connection::open(&server.address.host).await?;
    let before = server.processes().memory()?;
    let mut asked = 0;
    for tenant in spread_out(settled, plan.crowd) {
        ask_for(&mut connection, server, tenant).await?;
        asked += 1;
    }
    let grown = server.processes().memory()?.anonymous.saturating_sub(before.anonymous);
    Ok(json!({ "tenants": asked, "grown_kib": grown }))
}

/// So many of them, or all, at equal distances.
fn spread_out(settled: &[Settled], most: usize) -> impl Iterator<Item = &Settled> {
    settled.iter().step_by((settled.len() / most).max(1)).take(most)
}
