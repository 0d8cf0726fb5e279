//! Tenants whose templates misbehave, each in its own way, as often as they can.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chancery_guests::{MISBEHAVIOURS, built};
use serde_json::{Value, json};
use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::http::Connection;
use crate::issuer::Address;
use crate::manager::Manager;
use crate::measure::milliseconds;

/// How many requests of a tenant are under way at any time.
const AT_A_TIME: usize = 8;
/// How often a tenant lifts the halts that the host ordered.
const LIFTED_EVERY: Duration = Duration::from_millis(20);

/// A tenant whose template does that.
pub(super) struct Villain {
    what: &'static str,
    address: Address,
}

/// Makes a tenant for every misbehaviour: none falls back on another's configuration.
pub(super) async fn settle(operator: &mut Manager) -> Result<Vec<Villain>> {
    let digest = operator.upload(&built("hostile")).await?;
    let mut villains = Vec::new();
    for (what, _) in MISBEHAVIOURS {
        let (address, id) = operator.register(&format!("villain-{what}")).await?;
        let activation = json!({ "digest": digest, "configuration": { "prepare": what } });
        operator.ask("POST", &format!("/tenants/{id}/activations"), &activation).await?;
        villains.push(Villain { what, address });
    }
    Ok(villains)
}

/// Lets each have its time. What they were answered, and how long that took.
pub(super) async fn let_loose(villains: Vec<Villain>, lasting: Duration) -> Result<Value> {
    let mut said = serde_json::Map::new();
    for Villain { what, address } in villains {
        eprintln!("{what}");
        let answers = Rc::<RefCell<Answers>>::default();
        let (until, tasks) = (Instant::now() + lasting, LocalSet::new());
        let mut working = Vec::new();
        for _ in 0..AT_A_TIME {
            working.push(tasks.spawn_local(strike(address.clone(), until, Rc::clone(&answers))));
        }
        working.push(tasks.spawn_local(lift(address, until)));
        tasks.await;
        for work in working {
            work.await.context("wait for a villain")?.with_context(|| format!("misbehave by {what}"))?;
        }
        let Answers { statuses, times } = answers.take();
        said.insert(what.to_owned(), json!({ "answers": statuses, "ms": milliseconds(times) }));
    }
    Ok(Value::Object(said))
}

#[derive(Default)]
struct Answers {
    statuses: BTreeMap<String, u32>,
    times: Vec<Duration>,
}

/// Offers, and with that asks the template.
async fn strike(address: Address, until: Instant, answers: Rc<RefCell<Answers>>) -> Result<()> {
    let credential = json!({ "configuration_id": "hostile", "subject": { "value": "x" } });
    let offer = json!({ "credentials": [credential] });
    let mut manager = Manager::at(&address).await?;
    while Instant::now() < until {
        let began = Instant::now();
        let answer = manager.try_to("POST", "/offers", &offer).await?;
        let mut answers = answers.borrow_mut();
        *answers.statuses.entry(answer.status.to_string()).or_default() += 1;
        answers.times.push(began.elapsed());
    }
    Ok(())
}

/// The host halts what fails again and again, and whoever manages the tenant may lift that: a villain does.
async fn lift(address: Address, until: Instant) -> Result<()> {
    let mut connection = Connection::open(&address.host).await?;
    let headers = [format!("authorization: Bearer {}", address.api_key)];
    let path = format!("{}/api/halts", address.prefix);
    while Instant::now() < until {
        let answer = connection.send("GET", &path, &headers, "").await?;
        let listed: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        for halt in listed.pointer("/data").and_then(Value::as_array).into_iter().flatten() {
            let id = halt.pointer("/id").and_then(Value::as_str).context("read a halt")?;
            connection.send("DELETE", &format!("{path}/{id}"), &headers, "").await?;
        }
        sleep(LIFTED_EVERY).await;
    }
    Ok(())
}
