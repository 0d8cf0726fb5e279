//! `flows`: what each way to a credential costs, in blocks that alternate with the plain way, so that both have the same
//! machine.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::cost::Used;
use crate::crew::Crew;
use crate::flow::{Credential, Flow, Variant};
use crate::http::Connection;
use crate::issue::{make_empty, split};
use crate::issuer::{Database, Server, Start, used};
use crate::machine;
use crate::measure::{ms, per, rounded};
use crate::place::Place;

const AT_A_TIME: usize = 8;

/// The ways, each beside the one that it is compared with.
const WAYS: [(&str, Variant, Variant); 5] = {
    const PLAIN: Variant = Variant::PLAIN;
    const PERSON: Variant = Variant { credential: Credential::PersonSdJwt, ..PLAIN };
    [
        ("sd-jwt", PLAIN, PLAIN),
        ("dpop", Variant { dpop: true, ..PLAIN }, PLAIN),
        ("mdoc", Variant { credential: Credential::PersonMdoc, ..PLAIN }, PERSON),
        ("code, par, dpop", Variant { flow: Flow::Code, dpop: true, ..PLAIN }, PLAIN),
        ("batch of 10", Variant { copies: 10, ..PLAIN }, PLAIN),
    ]
};

pub(crate) async fn run(place: &Place) -> Result<Value> {
    let (blocks, block) = if place.quick { (2, 50) } else { (6, 250) };
    let data = &place.data;
    make_empty(data)?;
    let machine = machine::describe();
    let database = Database::start(&data.join("postgres"), place.postgres.as_deref()).await?;
    let start = Start { binary: &place.chancery, plugins: &place.plugins, data, environment: &[] };
    let server = Server::start(start, &database).await?;
    let measured = async {
        let mut ways = Vec::new();
        for (name, variant, beside) in WAYS {
            eprintln!("{name}: {blocks} × {block}");
            let mut crews = [
                Crew::connect(&server.address, variant, AT_A_TIME).await?,
                Crew::connect(&server.address, beside, AT_A_TIME).await?,
            ];
            let mut costs = [Used::default(); 2];
            for crew in &mut crews {
                crew.issue(AT_A_TIME * 4).await?;
            }
            for _ in 0..blocks {
                for (crew, cost) in crews.iter_mut().zip(&mut costs) {
                    let before = used(&server, &database)?;
                    crew.issue(block).await?;
                    *cost = *cost + (used(&server, &database)? - before);
                }
            }
            let [cost, beside] = costs;
            let whole = |cost: Used| ms(cost.server + cost.database);
            ways.push(json!({
                "way": name,
                "cpu_ms_per_issuance": split(cost, blocks * block),
                "beside_ms": rounded(per(whole(beside), blocks * block)),
                "ratio": rounded(whole(cost) / whole(beside)),
            }));
        }
        anyhow::Ok((ways, status_list(&server, if place.quick { 500 } else { 20_000 }).await?))
    }
    .await;
    let stopped = server.stop().await;
    database.stop().await?;
    let (ways, status_list) = measured?;
    stopped?;
    std::fs::remove_dir_all(data)?;
    Ok(json!({
        "benchmark": "flows",
        "machine": machine,
        "load_after": machine::load(),
        "quick": place.quick,
        "at_a_time": AT_A_TIME,
        "ways": ways,
        "status_list": status_list,
    }))
}

/// Fetches of a status list that is remembered as it was signed.
async fn status_list(server: &Server, count: u32) -> Result<Value> {
    eprintln!("{count} fetches of a status list");
    let mut connection = Connection::open(&server.address.host).await?;
    let prefix = &server.address.prefix;
    let listed = connection.send("GET", &format!("{prefix}/status-lists"), &[], "").await?;
    let listed: Value = serde_json::from_slice(&listed.body)?;
    let first = listed.pointer("/status_lists/0").and_then(Value::as_str).unwrap_or_default();
    let path = first.strip_prefix(server.address.issuer.as_str()).unwrap_or_default();
    let path = format!("{prefix}{path}");
    let mut bytes = 0;
    let (began, before): (_, Duration) = (Instant::now(), server.processes().used()?);
    for _ in 0..count {
        let answer = connection.send("GET", &path, &[], "").await?;
        ensure!(answer.status == 200, "GET {path} answered {}", answer.status);
        bytes = answer.body.len();
    }
    let cpu = server.processes().used()?.saturating_sub(before) / count;
    Ok(json!({
        "bytes": bytes,
        "cpu_ms_each": rounded(ms(cpu)),
        "a_second_on_one_core": (1_000.0 / ms(cpu)).round(),
        "a_second_on_one_connection": (f64::from(count) / began.elapsed().as_secs_f64()).round(),
    }))
}
