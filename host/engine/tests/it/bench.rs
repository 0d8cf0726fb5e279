//! What things cost: `cargo nextest run -p chancery-engine --release --run-ignored only --no-capture`.

use std::time::Instant;

use chancery_engine::{PrepareRequest, Purpose};
use serde_json::json;

use crate::support::{Host, at, built};

#[tokio::test]
#[ignore = "measures; asserts nothing"]
async fn what_a_call_costs() {
    for name in ["employee-badge"] {
        let host = Host::new();
        let wasm = built(name);
        let started = Instant::now();
        let component = host.engine.load(&wasm).await.unwrap();
        let compiled = started.elapsed();
        let started = Instant::now();
        host.engine.load(&wasm).await.unwrap();
        let cached = started.elapsed();
        let template = host.engine.template(&component, json!({})).await.unwrap();
        let subject = json!({"given_name": "Erika", "family_name": "Mustermann", "employee_id": "E-1042"});
        let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(1_793_000_000));
        for _ in 0..1_000 {
            template.prepare(&request).await.unwrap();
        }
        let calls = 20_000;
        let started = Instant::now();
        for _ in 0..calls {
            template.prepare(&request).await.unwrap();
        }
        let call = started.elapsed() / calls;
        println!("{name}: {} bytes, compile {compiled:?}, cached {cached:?}, call {call:?}", wasm.len());
    }
}
