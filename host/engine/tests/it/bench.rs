//! What things cost: `cargo nextest run -p chancery-engine --release --run-ignored only --no-capture`.

use std::time::{Duration, Instant};

use chancery_engine::{PrepareRequest, Purpose};
use serde_json::json;

use crate::support::{Host, at, built};

#[tokio::test]
#[ignore = "measures; asserts nothing"]
async fn what_a_call_costs() {
    let badge = json!({"given_name": "Erika", "family_name": "Mustermann", "employee_id": "E-1042"});
    let diploma = json!({
        "given_name": "Erika", "family_name": "Mustermann", "degree": "Master of Science",
        "institution": "Example University", "graduation_date": "2021-07-31"
    });
    let pid = json!({
        "given_name": "Erika", "family_name": "Mustermann", "birthdate": "1964-08-12",
        "place_of_birth": {"locality": "Berlin"}, "nationalities": ["DE"]
    });
    for (name, subject) in
        [("employee-badge", badge), ("university-diploma", diploma), ("person-identification-data", pid)]
    {
        let host = Host::new();
        let wasm = built(name);
        let started = Instant::now();
        let component = host.engine.load(&wasm).await.unwrap();
        let compiled = started.elapsed();
        let started = Instant::now();
        host.engine.load(&wasm).await.unwrap();
        let cached = started.elapsed();
        let template = host.engine.template(&component, json!({})).await.unwrap();
        let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(1_793_000_000));
        let mut batches: Vec<Duration> = Vec::new();
        for _ in 0..50 {
            let started = Instant::now();
            for _ in 0..200 {
                template.prepare(&request).await.unwrap();
            }
            batches.push(started.elapsed() / 200);
        }
        batches.sort_unstable();
        println!(
            "{name}: {} bytes, compile {compiled:?}, from the cache {cached:?}, call {:?} (median), {:?} (best)",
            wasm.len(),
            batches[25],
            batches[0],
        );
    }
}
