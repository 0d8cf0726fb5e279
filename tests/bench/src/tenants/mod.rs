//! `tenants`: what grows with their number, and what one of them can do to the others.

mod hammer;
mod settle;
mod stage;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::issue::make_empty;
use crate::issuer::{Database, Server, Start};
use crate::machine;
use crate::manager::Manager;
use crate::measure::{ms, rounded};
use crate::place::Place;
use settle::Settler;

/// How much is done.
pub(crate) struct Plan {
    /// How many tenants there are, one stage after another.
    stages: &'static [usize],
    starts: usize,
    cold: usize,
    warm: usize,
    issuances: usize,
    registrations: usize,
    pages: usize,
    /// How many tenants are asked for once, to see what those cost that are kept ready.
    crowd: usize,
    /// How long one tenant hammers.
    hammering: Duration,
}

impl Plan {
    const FULL: Self = Self {
        stages: &[10, 1_000, 10_000, 100_000],
        starts: 3,
        cold: 400,
        warm: 10_000,
        issuances: 2_000,
        registrations: 100,
        pages: 200,
        crowd: 5_000,
        hammering: Duration::from_secs(30),
    };
    const QUICK: Self = Self {
        stages: &[10, 1_000, 10_000],
        starts: 1,
        cold: 100,
        warm: 1_000,
        issuances: 200,
        registrations: 10,
        pages: 40,
        crowd: 500,
        hammering: Duration::from_secs(5),
    };
}

const MANY: [(&str, &str); 1] = [("SAAS_MODE", "true")];
/// Several tenants' issuances are measured at once, from one address; what a limit is for is measured last.
const UNLIMITED: [(&str, &str); 2] = [("SAAS_MODE", "true"), ("CHANCERY_TENANT_RATE", "off")];

pub(crate) async fn run(place: &Place) -> Result<Value> {
    let plan = if place.quick { Plan::QUICK } else { Plan::FULL };
    let (machine, data) = (machine::describe(), &place.data);
    make_empty(data)?;
    let mut database = Database::start(&data.join("postgres"), place.postgres.as_deref()).await?;
    let start = Start { binary: &place.chancery, plugins: &place.plugins, data, environment: &UNLIMITED };
    let document = async {
        let server = Server::start(start, &database).await?;
        let mut settler = Settler::begin(&database, &server, data).await?;
        server.stop().await?;
        let (mut settled, mut stages) = (Vec::new(), Vec::new());
        for tenants in plan.stages {
            eprintln!("{tenants} tenants: making them");
            settler.settle(&mut settled, *tenants).await?;
            stages.push(stage::measure(&plan, start, &mut database, &mut settler, &settled).await?);
        }
        let limited = Start { environment: &MANY, ..start };
        let hammered = hammer::measure(&plan, limited, &database, &settled).await?;
        let unlimited = hammer::measure(&plan, start, &database, &settled).await?;
        anyhow::Ok(json!({
            "benchmark": "tenants",
            "machine": machine,
            "load_after": machine::load(),
            "postgresql": { "version": database.version().await?, "durable": true },
            "quick": place.quick,
            "relative_to_the_first_stage": growth(&stages),
            "stages": stages,
            "one_tenant_hammers": { "with_limits": hammered, "without_a_rate": unlimited },
        }))
    }
    .await;
    database.stop().await?;
    let document = document?;
    std::fs::remove_dir_all(data).with_context(|| format!("clear {}", data.display()))?;
    Ok(document)
}

/// What ought to be flat, as a multiple of what it was at first.
fn growth(stages: &[Value]) -> Value {
    const FLAT: [&str; 7] = [
        "/start/cpu_ms",
        "/start/resident_kib",
        "/resolution/cold/cpu_ms/server_and_postgresql",
        "/resolution/warm/cpu_ms/server_and_postgresql",
        "/issuance/cpu_ms/server_and_postgresql",
        "/resident_kib_after_issuance",
        "/registration/cpu_ms/server_and_postgresql",
    ];
    let ratio = |stage: &Value, path: &str| {
        let of = |stage: &Value| stage.pointer(path).and_then(Value::as_f64);
        Some(rounded(of(stage)? / of(stages.first()?)?))
    };
    let row = |stage: &Value| {
        let mut row = serde_json::Map::new();
        row.insert("tenants".to_owned(), stage.get("tenants").cloned().unwrap_or_default());
        row.extend(FLAT.iter().map(|path| ((*path).to_owned(), json!(ratio(stage, path)))));
        Value::Object(row)
    };
    stages.iter().map(row).collect()
}

/// An operator of the platform.
pub(crate) struct Platform(Manager);

impl Platform {
    pub(crate) async fn connect(server: &Server) -> Result<Self> {
        Ok(Self(Manager::operator(server).await?))
    }

    /// Registers a tenant.
    pub(crate) async fn register(&mut self, slug: &str) -> Result<Value> {
        let body = json!({ "slug": slug, "name": format!("The {slug}") });
        self.0.ask("POST", "/tenants", &body).await
    }

    /// How long a page of the list of tenants takes.
    pub(crate) async fn page(&mut self, query: &str) -> Result<Duration> {
        let began = Instant::now();
        self.0.ask("GET", &format!("/tenants{query}"), &Value::Null).await?;
        Ok(began.elapsed())
    }
}

/// Processor time of one of so many.
pub(crate) fn cpu_ms(of: Duration, count: usize) -> f64 {
    rounded(crate::measure::per(ms(of), count))
}
