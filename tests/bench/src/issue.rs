//! `issue`: complete issuances, what they cost whom, and whether the cost grows.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::cost::Used;
use crate::crew::Crew;
use crate::floor::{self, Floor};
use crate::flow::{Credential, Flow, Step, Times, Variant};
use crate::http::Connection;
use crate::issuer::{Database, Server, Start, used};
use crate::machine;
use crate::measure::{milliseconds, ms, per, rounded};
use crate::place::Place;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Bind access tokens to the wallet's key.
    #[arg(long)]
    dpop: bool,
    /// Let the wallet fetch each offer by its link.
    #[arg(long)]
    by_reference: bool,
    /// What is issued.
    #[arg(long = "format", value_enum, default_value_t = Credential::Badge)]
    credential: Credential,
    /// How the wallet gets its token.
    #[arg(long, value_enum, default_value_t = Flow::PreAuthorized)]
    flow: Flow,
    /// How many copies are issued at once.
    #[arg(long, default_value_t = 1)]
    copies: usize,
}

/// How much is done.
struct Plan {
    warm_up: usize,
    /// For each concurrency.
    run: usize,
    /// Of the long run that looks for growth.
    block: usize,
    blocks: usize,
    floor: usize,
}

impl Plan {
    const FULL: Self = Self { warm_up: 500, run: 2_000, block: 1_000, blocks: 10, floor: 2_000 };
    const QUICK: Self = Self { warm_up: 200, run: 200, block: 100, blocks: 10, floor: 200 };
}

const CONCURRENCIES: [usize; 3] = [1, 8, 32];
/// Concurrency of the long run, and of the floor that is compared with it.
const USUAL: usize = 8;

pub(crate) async fn run(arguments: &Arguments) -> Result<Value> {
    let plan = if arguments.place.quick { Plan::QUICK } else { Plan::FULL };
    let variant = Variant {
        dpop: arguments.dpop,
        by_reference: arguments.by_reference,
        credential: arguments.credential,
        flow: arguments.flow,
        copies: arguments.copies,
    };
    let machine = machine::describe();
    let data = &arguments.place.data;
    make_empty(data)?;

    eprintln!("the floor: transactions alone");
    let transactions = transactions(&data.join("floor"), arguments.place.postgres.as_deref(), &plan).await?;

    eprintln!("starting the issuer");
    let postgres = data.join("postgres");
    let mut database = Database::start(&postgres, arguments.place.postgres.as_deref()).await?;
    let start = Start {
        binary: &arguments.place.chancery,
        plugins: &arguments.place.plugins,
        data,
        environment: &[],
    };
    let server = Server::start(start, &database).await?;
    let document = async {
        Crew::connect(&server.address, variant, USUAL).await?.issue(plan.warm_up).await?;
        let mut runs = Vec::new();
        for concurrency in CONCURRENCIES {
            eprintln!("{} issuances, {concurrency} at a time", plan.run);
            runs.push(at_concurrency(&server, &mut database, variant, concurrency, plan.run).await?);
        }
        let endurance = endure(&server, &database, variant, &plan).await?;
        eprintln!("the floor: empty requests, signatures, plugin calls");
        let requests = variant.requests();
        let request = empty_requests(&server, plan.floor).await?;
        let primitives = floor::primitives(&arguments.place.plugins, &data.join("cache")).await?;
        let floor = Floor { transactions, request, requests, primitives, variant };
        let measured =
            endurance.pointer("/cpu_ms_per_issuance/server_and_postgresql").and_then(Value::as_f64);
        let measured = measured.context("find the cost of an issuance")?;
        anyhow::Ok(json!({
            "benchmark": "issue",
            "variant": {
                "token": if variant.dpop { "DPoP" } else { "bearer" },
                "offer": if variant.by_reference { "by reference" } else { "by value" },
                "credential": format!("{:?}", variant.credential),
                "flow": format!("{:?}", variant.flow),
                "copies": variant.copies,
                "requests": requests,
            },
            "machine": machine,
            "load_after": machine::load(),
            "postgresql": { "version": database.version().await?, "durable": true },
            "quick": arguments.place.quick,
            "runs": runs,
            "endurance": endurance,
            "floor": floor.document(),
            "ratio_to_floor": rounded(measured / floor.total()),
        }))
    }
    .await;
    let stopped = server.stop().await;
    database.stop().await?;
    let document = document?;
    stopped?;
    std::fs::remove_dir_all(data).with_context(|| format!("clear {}", data.display()))?;
    Ok(document)
}

/// Makes sure that there is such a directory, and nothing in it.
pub(crate) fn make_empty(data: &Path) -> Result<()> {
    if data.exists() {
        ensure!(std::fs::read_dir(data)?.next().is_none(), "{} is not empty", data.display());
    }
    Ok(std::fs::create_dir_all(data)?)
}

/// The statements of an issuance without anything around them, on a cluster of their own.
async fn transactions(data: &Path, postgres: Option<&Path>, plan: &Plan) -> Result<floor::Transactions> {
    let database = Database::start(data, postgres).await?;
    let measured = floor::transactions(&database, USUAL, plan.warm_up, plan.floor).await;
    database.stop().await?;
    measured
}

async fn at_concurrency(
    server: &Server,
    database: &mut Database,
    variant: Variant,
    concurrency: usize,
    count: usize,
) -> Result<Value> {
    let mut crew = Crew::connect(&server.address, variant, concurrency).await?;
    crew.issue(concurrency * 2).await?;
    let (traffic, wal) = (server.traffic().await?, database.wal().await?);
    let before = used(server, database)?;
    let began = Instant::now();
    let times = crew.issue(count).await?;
    let took = began.elapsed();
    let cost = used(server, database)? - before;
    let (transactions, round_trips) = server.traffic().await?;
    let wal = database.wal().await? - wal;
    Ok(json!({
        "concurrency": concurrency,
        "issuances": count,
        "seconds": rounded(took.as_secs_f64()),
        "issuances_per_second": rounded(1.0 / per(took.as_secs_f64(), count)),
        "milliseconds": latencies(&times),
        "cpu_ms_per_issuance": split(cost, count),
        "per_issuance": {
            "transactions": each(transactions - traffic.0, count),
            "round_trips": each(round_trips - traffic.1, count),
            "wal_bytes": each(wal, count).round(),
        },
    }))
}

/// The long run: does the cost or the memory of the server grow?
async fn endure(server: &Server, database: &Database, variant: Variant, plan: &Plan) -> Result<Value> {
    let mut crew = Crew::connect(&server.address, variant, USUAL).await?;
    crew.issue(USUAL * 2).await?;
    let memory = server.processes().memory()?;
    let start = used(server, database)?;
    let (mut blocks, mut before) = (Vec::new(), start);
    for number in 1..=plan.blocks {
        eprintln!("endurance: {number} of {} × {}", plan.blocks, plan.block);
        crew.issue(plan.block).await?;
        let now = used(server, database)?;
        blocks.push(now - before);
        before = now;
    }
    let after = server.processes().memory()?;
    let of_block = |block: Option<&Used>| block.map(|cost| split(*cost, plan.block));
    let both = |cost: &Used| rounded(per(ms(cost.server + cost.database), plan.block));
    let growth = |before: u64, after: u64| i64::try_from(after).ok().zip(i64::try_from(before).ok());
    Ok(json!({
        "concurrency": USUAL,
        "issuances": plan.block * plan.blocks,
        "block": plan.block,
        "cpu_ms_per_issuance": split(before - start, plan.block * plan.blocks),
        "first_block": of_block(blocks.first()),
        "last_block": of_block(blocks.last()),
        "server_and_postgresql_by_block": blocks.iter().map(both).collect::<Vec<_>>(),
        "server_memory_kib": {
            "resident_before": memory.resident,
            "resident_after": after.resident,
            "resident_growth": growth(memory.resident, after.resident).map(|(after, before)| after - before),
            "anonymous_before": memory.anonymous,
            "anonymous_after": after.anonymous,
        },
    }))
}

/// Processor time of the server for one request that does nothing.
async fn empty_requests(server: &Server, count: usize) -> Result<Duration> {
    let count = count * 4;
    let mut connection = Connection::open(&server.address.host).await?;
    let before = server.processes().used()?;
    for _ in 0..count {
        let answer = connection.send("GET", "/livez", &[], "").await?;
        ensure!(answer.status == 200, "GET /livez answered {}", answer.status);
    }
    Ok(server.processes().used()?.saturating_sub(before) / u32::try_from(count)?)
}

fn latencies(all: &[Times]) -> Value {
    let mut found = serde_json::Map::new();
    for step in Step::ALL {
        let times: Vec<_> =
            all.iter().flatten().filter(|(of, _)| *of == step).map(|(_, took)| *took).collect();
        if !times.is_empty() {
            found.insert(step.name().to_owned(), milliseconds(times));
        }
    }
    let whole = all.iter().map(|times| times.iter().map(|(_, took)| *took).sum()).collect();
    found.insert("all requests".to_owned(), milliseconds(whole));
    Value::Object(found)
}

pub(crate) fn split(cost: Used, count: usize) -> Value {
    let share = |part: Duration| rounded(per(ms(part), count));
    json!({
        "server_and_postgresql": share(cost.server + cost.database),
        "server": share(cost.server),
        "postgresql": share(cost.database),
        "driver": share(cost.driver),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn each(whole: u64, count: usize) -> f64 {
    rounded(per(whole as f64, count))
}
