//! Guests that nobody would write: generated ones, and good ones that were damaged.
//!
//! Each costs a check; few are compiled. More of them by hand:
//! `CHANCERY_GENERATED=100000 cargo nextest run -p chancery-engine generated`.

use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use chancery_engine::{Engine, PrepareRequest, Purpose, Refused};
use serde_json::json;

use crate::support::{Host, at, built};

/// How many of each kind.
fn how_many(usually: usize) -> usize {
    std::env::var("CHANCERY_GENERATED").ok().and_then(|number| number.parse().ok()).unwrap_or(usually)
}

/// The same numbers in every run (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// Checks one; it may pass or not, but soon, and what is refused is refused with words.
fn checked(engine: &Engine, wasm: &[u8], what: &str) -> bool {
    let started = Instant::now();
    let (report, manifest) = engine.check(wasm);
    assert!(started.elapsed() < Duration::from_secs(5), "{what} took {:?}", started.elapsed());
    match manifest {
        Ok(_) => true,
        Err(refused) => {
            assert!(report.failures().next().is_some(), "{what}: {refused} is not in the report");
            assert!(
                !refused.to_string().contains('\n') || matches!(refused, Refused::Malformed(_)),
                "{what}"
            );
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_components_are_refused_with_words() {
    let host = Host::new();
    let mut numbers = Numbers(1);
    for round in 0..how_many(1_000) {
        let seed: Vec<u8> = (0..2_048).map(|_| numbers.byte()).collect();
        let Ok(component) =
            wasm_smith::Component::new(wasm_smith::Config::default(), &mut Unstructured::new(&seed))
        else {
            continue;
        };
        let passed = checked(&host.engine, &component.to_bytes(), &format!("generated component {round}"));
        assert!(!passed, "nobody generates a manifest by chance");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_modules_are_no_components() {
    let host = Host::new();
    let mut numbers = Numbers(2);
    for _ in 0..how_many(200) {
        let seed: Vec<u8> = (0..1_024).map(|_| numbers.byte()).collect();
        let module = wasm_smith::Module::new(wasm_smith::Config::default(), &mut Unstructured::new(&seed));
        let Ok(module) = module else { continue };
        assert!(matches!(host.engine.check(&module.to_bytes()).1, Err(Refused::CoreModule)));
    }
}

/// One good plugin, damaged in one of the ways in which files are damaged, or attackers try.
fn damaged(good: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut wasm = good.to_vec();
    let (from, to) = (8 + numbers.below(wasm.len() - 8), 8 + numbers.below(wasm.len() - 8));
    let (from, to) = (from.min(to), from.max(to));
    match numbers.below(6) {
        // Bits flip.
        0 => {
            for _ in 0..=numbers.below(8) {
                let place = 8 + numbers.below(good.len() - 8);
                wasm[place] ^= 1 << numbers.below(8);
            }
        }
        // A number becomes as large as it can: lengths, counts, indices.
        1 => {
            let place = from.min(wasm.len() - 5);
            wasm[place..place + 5].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
        }
        // A part is missing.
        2 => drop(wasm.drain(from..to.min(from + 200))),
        // A part is there twice.
        3 => {
            let part = wasm[from..to.min(from + 200)].to_vec();
            wasm.splice(to..to, part);
        }
        // Noise.
        4 => (from..to.min(from + 64)).for_each(|place| wasm[place] = numbers.byte()),
        // The end is missing.
        _ => wasm.truncate(from),
    }
    wasm
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_plugins_are_refused_or_run_within_their_limits() {
    let host = Host::new();
    let good = built("employee-badge");
    let mut numbers = Numbers(3);
    let mut passed = Vec::new();
    for round in 0..how_many(1_200) {
        let wasm = damaged(&good, &mut numbers);
        if checked(&host.engine, &wasm, &format!("damaged plugin {round}")) {
            passed.push(wasm);
        }
    }
    // Most damage in code or data leaves a valid component. A few of them are run.
    assert!(!passed.is_empty(), "all damage is noticed, so nothing was tried");
    let subject = json!({"given_name": "Erika", "family_name": "Mustermann", "employee_id": "E-1042"});
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(1_793_000_000));
    for wasm in passed.iter().step_by(passed.len().div_ceil(5)) {
        let Ok(component) = host.engine.load(wasm).await else { continue };
        let started = Instant::now();
        if let Ok(template) = host.engine.template(&component, json!({})).await {
            let measured = template.measure(&request).await;
            assert!(measured.usage.fuel <= component.limits().fuel);
        }
        assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
    }
    assert!(host.engine.load(&good).await.is_ok(), "the engine goes on");
}
