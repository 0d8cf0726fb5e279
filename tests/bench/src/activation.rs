//! `activation`: a new version of a template becomes active while two replicas issue, and is taken back. What that costs
//! those who issue meanwhile, and how long each replica goes on with the earlier version.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chancery_guests::saying;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::sleep;

use crate::flow::{CONFIGURATION, Client, Variant, text};
use crate::goal::{at_most, count, ratio};
use crate::http::Connection;
use crate::issue::make_empty;
use crate::issuer::{Address, Database, Server, Start};
use crate::machine;
use crate::manager::Manager;
use crate::measure::{ms, rounded, spread};
use crate::place::Place;
use crate::wallet::Key;

/// How many issue at the same time, half of them at each replica.
const AT_A_TIME: usize = 32;
/// What counts as the time of a change: from when it is asked for.
const WINDOW: Duration = Duration::from_secs(2);
/// A replica that still has the earlier version by then has missed the change.
const MISSED: Duration = Duration::from_secs(30);
/// What the badge is called; a version calls it something else of the same length.
const NAME: &str = "Employee badge";
const UNLIMITED: [(&str, &str); 1] = [("CHANCERY_TENANT_RATE", "off")];

pub(crate) async fn run(place: &Place) -> Result<Value> {
    let rounds = if place.quick { 2 } else { 10 };
    let (machine, data) = (machine::describe(), &place.data);
    make_empty(data)?;
    let badge = std::fs::read(place.plugins.join(format!("{CONFIGURATION}.wasm")))?;
    let database = Database::start(&data.join("postgres"), place.postgres.as_deref()).await?;
    let start = Start { binary: &place.chancery, plugins: &place.plugins, data, environment: &UNLIMITED };
    let first = Server::start(start, &database).await?;
    let measured = async {
        let second = first.twin(start, &database).await?;
        let replicas = [first.address.clone(), second.address.clone()];
        let measured = LocalSet::new().run_until(measure(&replicas, &badge, rounds)).await;
        second.stop().await?;
        measured
    }
    .await;
    let stopped = first.stop().await;
    database.stop().await?;
    let mut document = measured?;
    stopped?;
    std::fs::remove_dir_all(data)?;
    if let Some(members) = document.as_object_mut() {
        members.insert("machine".to_owned(), machine);
        members.insert("load_after".to_owned(), json!(machine::load()));
        members.insert("quick".to_owned(), place.quick.into());
    }
    Ok(document)
}

/// A stretch of time, and what it was like.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Before,
    Upload,
    Activation,
    Rollback,
}

async fn measure(replicas: &[Address; 2], badge: &[u8], rounds: usize) -> Result<Value> {
    let crowd = Crowd::begin(replicas).await?;
    sleep(WINDOW * 2).await;
    let [mut here, mut there] = [Manager::at(&replicas[0]).await?, Manager::at(&replicas[1]).await?];
    let (mut phases, mut heard) = (Vec::new(), [Vec::new(), Vec::new()]);
    for round in 0..rounds {
        eprintln!("version {} of {rounds}", round + 1);
        let name = format!("Badge no. {round:04}");
        let version = saying(badge.to_vec(), NAME, &name);
        let began = Instant::now();
        sleep(WINDOW).await;
        phases.push((Phase::Before, began, Instant::now()));
        let began = Instant::now();
        let digest = here.upload(&version).await?;
        phases.push((Phase::Upload, began, Instant::now()));
        sleep(WINDOW).await;
        let (activate, back) = ("/activations", format!("/activations/{CONFIGURATION}/rollback"));
        for (phase, manager, path, body, name) in [
            (Phase::Activation, &mut here, activate, json!({ "digest": digest }), name.as_str()),
            (Phase::Rollback, &mut there, back.as_str(), json!({}), NAME),
        ] {
            let watching = replicas.each_ref().map(|replica| Watch::begin(replica, name));
            let began = Instant::now();
            manager.ask("POST", path, &body).await?;
            let answered = Instant::now();
            for (watch, heard) in watching.into_iter().zip(&mut heard) {
                heard.push(watch.ended().await?.saturating_duration_since(answered));
            }
            sleep((began + WINDOW).saturating_duration_since(Instant::now())).await;
            phases.push((phase, began, began + WINDOW));
            sleep(WINDOW / 2).await;
        }
    }
    let (issued, failures) = crowd.end().await?;
    Ok(document(&phases, &issued, &failures, &heard))
}

fn document(
    phases: &[(Phase, Instant, Instant)],
    issued: &[(Instant, Duration)],
    failures: &[String],
    heard: &[Vec<Duration>; 2],
) -> Value {
    // Those that were under way at any time of the stretch.
    let during = |phase: Phase| {
        let here: Vec<_> = phases.iter().filter(|(of, ..)| *of == phase).collect();
        let of = |(began, took): &&(Instant, Duration)| {
            here.iter().any(|(_, from, to)| *began < *to && *began + *took > *from)
        };
        spread(issued.iter().filter(of).map(|(_, took)| *took).collect())
    };
    let before = during(Phase::Before);
    let (activation, rollback) = (during(Phase::Activation), during(Phase::Rollback));
    let slowest = |heard: &[Duration]| heard.iter().max().map(|most| ms(*most));
    let goals = [
        at_most("failed issuances", "issuances", 0.0, Some(count(failures.len()))),
        at_most("p99 at an activation, of before", "times", 1.5, ratio(&activation, &before, "p99")),
        at_most("p99 at a rollback, of before", "times", 1.5, ratio(&rollback, &before, "p99")),
        at_most("until the first replica uses it", "ms", 1_000.0, slowest(&heard[0])),
        at_most("until the second replica uses it", "ms", 1_000.0, slowest(&heard[1])),
    ];
    json!({
        "benchmark": "activation",
        "template": CONFIGURATION,
        "at_a_time": AT_A_TIME,
        "window_seconds": rounded(WINDOW.as_secs_f64()),
        "issued": issued.len(),
        "failures": failures.iter().take(5).collect::<Vec<_>>(),
        "issuance_ms": {
            "before": before,
            "while_a_version_is_uploaded": during(Phase::Upload),
            "while_it_is_activated": activation,
            "while_it_is_rolled_back": rollback,
        },
        "used_after_ms": {
            "where_it_was_activated": spread(heard[0].clone()),
            "at_the_other_replica": spread(heard[1].clone()),
        },
        "goals": goals,
    })
}

/// Asks a replica's metadata until it says what the version calls the badge.
struct Watch(JoinHandle<Result<Instant>>);

impl Watch {
    fn begin(replica: &Address, name: &str) -> Self {
        let (replica, name) = (replica.clone(), name.to_owned());
        Self(tokio::task::spawn_local(async move {
            let mut connection = Connection::open(&replica.host).await?;
            let path = format!("{}/.well-known/openid-credential-issuer", replica.prefix);
            let called = format!(
                "/credential_configurations_supported/{CONFIGURATION}/credential_metadata/display/0/name"
            );
            let began = Instant::now();
            while began.elapsed() < MISSED {
                let answer = connection.send("GET", &path, &[], "").await?;
                let metadata: Value = serde_json::from_slice(&answer.body)?;
                if text(&metadata, &called)? == name {
                    return Ok(Instant::now());
                }
                sleep(Duration::from_millis(2)).await;
            }
            Err(anyhow::anyhow!("{} has never heard of {name}", replica.host))
        }))
    }

    async fn ended(self) -> Result<Instant> {
        self.0.await.context("wait for a replica")?
    }
}

/// Many who issue without a pause.
struct Crowd {
    stop: Rc<Cell<bool>>,
    issued: Rc<RefCell<Vec<(Instant, Duration)>>>,
    failures: Rc<RefCell<Vec<String>>>,
    working: Vec<JoinHandle<Result<()>>>,
}

impl Crowd {
    async fn begin(replicas: &[Address; 2]) -> Result<Self> {
        let mut crowd =
            Self { stop: Rc::default(), issued: Rc::default(), failures: Rc::default(), working: Vec::new() };
        for replica in replicas.iter().cycle().take(AT_A_TIME) {
            let mut client = client(replica).await?;
            let (stop, issued) = (Rc::clone(&crowd.stop), Rc::clone(&crowd.issued));
            let (failures, replica) = (Rc::clone(&crowd.failures), replica.clone());
            crowd.working.push(tokio::task::spawn_local(async move {
                while !stop.get() {
                    let began = Instant::now();
                    match client.issue().await {
                        Ok(_) => issued.borrow_mut().push((began, began.elapsed())),
                        Err(error) => {
                            failures.borrow_mut().push(format!("{error:#}"));
                            client = self::client(&replica).await?;
                        }
                    }
                }
                Ok(())
            }));
        }
        Ok(crowd)
    }

    async fn end(self) -> Result<(Vec<(Instant, Duration)>, Vec<String>)> {
        self.stop.set(true);
        for work in self.working {
            work.await.context("wait for a client")??;
        }
        let issued = self.issued.take();
        ensure!(!issued.is_empty(), "nothing was issued");
        Ok((issued, self.failures.take()))
    }
}

async fn client(address: &Address) -> Result<Client> {
    let keys = (0..16).map(|_| Key::generate()).collect::<Result<_>>()?;
    Client::connect(address, Variant::PLAIN, keys).await
}
