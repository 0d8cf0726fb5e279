//! One tenant at full blast, and what the others notice of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Plan;
use super::settle::Settled;
use crate::flow::{CONFIGURATION, subject};
use crate::http::Connection;
use crate::issuer::{Address, Database, Server, Start};
use crate::measure::{rounded, spread};
use crate::pace;

/// How many tenants go on with their work.
const OTHERS: usize = 4;
/// How many requests of the hammering tenant are under way at any time.
const BLOWS: usize = 32;

pub(super) async fn measure(
    plan: &Plan,
    start: Start<'_>,
    database: &Database,
    settled: &[Settled],
) -> Result<Value> {
    eprintln!("one tenant hammers");
    let server = Server::start(start, database).await?;
    let document = async {
        let others: Vec<_> = settled.iter().take(OTHERS).map(|tenant| tenant.address(&server)).collect();
        let hammering = settled.last().context("find a tenant that hammers")?.address(&server);
        work(&others, plan.hammering / 4).await?;
        let alone = work(&others, plan.hammering).await?;
        let hammer = Hammer::begin(hammering)?;
        sleep(Duration::from_secs(1)).await;
        let meanwhile = work(&others, plan.hammering).await;
        let blows = hammer.end()?;
        let meanwhile = meanwhile?;
        let (alone, meanwhile) = (spread(alone), spread(meanwhile));
        let p99 = |spread: &Value| spread.get("p99").and_then(Value::as_f64);
        anyhow::Ok(json!({
            "alone_ms": alone,
            "meanwhile_ms": meanwhile,
            "p99_ratio": p99(&meanwhile).zip(p99(&alone)).map(|(meanwhile, alone)| rounded(meanwhile / alone)),
            "hammering_requests_per_second": blows,
        }))
    }
    .await;
    let stopped = server.stop().await;
    let document = document?;
    stopped?;
    Ok(document)
}

/// Issues for each tenant at its pace.
async fn work(addresses: &[Address], lasting: Duration) -> Result<Vec<Duration>> {
    let began = Instant::now();
    let worked = pace::work(addresses, move || began.elapsed() < lasting).await?;
    ensure!(worked.failures.is_empty(), "{}", worked.failures.join("; "));
    Ok(worked.times)
}

/// A tenant that sends offers as fast as it can and waits for nothing, from a thread of its own.
struct Hammer {
    stop: Arc<AtomicBool>,
    blows: Arc<Blows>,
    began: Instant,
    thread: std::thread::JoinHandle<Result<()>>,
}

#[derive(Default)]
struct Blows {
    served: AtomicU64,
    refused: AtomicU64,
}

impl Hammer {
    fn begin(address: Address) -> Result<Self> {
        let (stop, blows) = (Arc::new(AtomicBool::new(false)), Arc::new(Blows::default()));
        let thread = std::thread::Builder::new().name("hammer".to_owned()).spawn({
            let (stop, blows) = (Arc::clone(&stop), Arc::clone(&blows));
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let mut striking = tokio::task::JoinSet::new();
                    for _ in 0..BLOWS {
                        striking.spawn(strike(address.clone(), Arc::clone(&stop), Arc::clone(&blows)));
                    }
                    while let Some(struck) = striking.join_next().await {
                        struck.context("wait for a blow")??;
                    }
                    Ok(())
                })
            }
        })?;
        Ok(Self { stop, blows, began: Instant::now(), thread })
    }

    /// Requests a second that were served, and that were refused.
    fn end(self) -> Result<Value> {
        self.stop.store(true, Ordering::Relaxed);
        let took = self.began.elapsed().as_secs_f64();
        match self.thread.join() {
            Ok(struck) => struck?,
            Err(_) => anyhow::bail!("the hammer broke"),
        }
        #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
        let rate = |count: &AtomicU64| (count.load(Ordering::Relaxed) as f64 / took).round();
        Ok(json!({ "served": rate(&self.blows.served), "refused": rate(&self.blows.refused) }))
    }
}

async fn strike(address: Address, stop: Arc<AtomicBool>, blows: Arc<Blows>) -> Result<()> {
    let mut connection = Connection::open(&address.host).await?;
    let offer = json!({ "credentials": [{ "configuration_id": CONFIGURATION, "subject": subject() }] });
    let headers =
        ["content-type: application/json".to_owned(), format!("authorization: Bearer {}", address.api_key)];
    let (path, body) = (format!("{}/api/offers", address.prefix), offer.to_string());
    while !stop.load(Ordering::Relaxed) {
        let answer = connection.send("POST", &path, &headers, &body).await?;
        let count = if answer.status == 201 { &blows.served } else { &blows.refused };
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
