//! Guests that nobody would write: generated ones, and good ones that were damaged.
//!
//! Each costs a check; few are compiled. More of them by hand:
//! `CHANCERY_GENERATED=100000 cargo nextest run -p chancery-engine generated`.

use std::time::{Duration, Instant};

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

/// Fields of a component, at random: most of them fit nowhere.
fn fields(numbers: &mut Numbers, depth: usize) -> String {
    let count = numbers.below(8);
    (0..count).map(|_| field(numbers, depth)).collect::<Vec<_>>().join("\n")
}

fn field(numbers: &mut Numbers, depth: usize) -> String {
    const NAMES: [&str; 6] = [
        "chancery:log/log@0.1.0",
        "chancery:types/types@0.1.0",
        "chancery:credential-template/template@0.1.0",
        "wasi:io/poll@0.2.6",
        "wasi:filesystem/types@0.2.6",
        "a",
    ];
    let (name, index, ty) = (NAMES[numbers.below(NAMES.len())], numbers.below(4), value_type(numbers));
    match numbers.below(14) {
        0 | 1 => format!("(core module {})", module(numbers)),
        2 if depth < 24 => format!("(component {})", fields(numbers, depth + 1)),
        3 => format!(r#"(type (func (param "a" {ty}) (result {})))"#, value_type(numbers)),
        4 => format!(r#"(type (record (field "x" {ty}) (field "y" {})))"#, value_type(numbers)),
        5 => format!(r#"(import "{name}" (func (type {index})))"#),
        6 => format!(r#"(import "{name}" (instance (export "write" (func))))"#),
        7 => format!("(core instance (instantiate {index}))"),
        8 => format!("(core func (canon lower (func {index})))"),
        9 => format!("(func (type {index}) (canon lift (core func {})))", numbers.below(4)),
        10 => format!(r#"(export "{name}" (func {index}))"#),
        11 => format!(r#"(@custom "chancery:plugin" "\\{:02x}{{")"#, numbers.byte()),
        12 => format!(r#"(@custom "chancery:vectors" "[{}]")"#, "[".repeat(numbers.below(300))),
        _ => format!(r#"(instance (export "a" (func {index})))"#),
    }
}

fn value_type(numbers: &mut Numbers) -> String {
    const TYPES: [&str; 8] = [
        "u8",
        "string",
        "(list string)",
        "(option u64)",
        "(result string)",
        "(tuple u8 f64)",
        "char",
        "bool",
    ];
    match numbers.below(10) {
        simple @ 0..8 => TYPES[simple].to_owned(),
        _ => numbers.below(4).to_string(),
    }
}

/// Fields of a core module, at random.
fn module(numbers: &mut Numbers) -> String {
    const INSTRUCTIONS: [&str; 10] = [
        "i32.const 1",
        "local.get 0",
        "i32.add",
        "drop",
        "call 0",
        "memory.grow",
        "br 0",
        "unreachable",
        "i32.load",
        "global.get 0",
    ];
    let count = numbers.below(6);
    let fields = (0..count).map(|_| match numbers.below(6) {
        0 => format!("(memory {})", numbers.below(70_000)),
        1 => format!("(table {} funcref)", numbers.below(20_000_000)),
        2 => "(global i32 (i32.const 7))".to_owned(),
        3 => format!(r#"(import "a" "b" (func (param {})))"#, "i32 ".repeat(numbers.below(20))),
        4 => format!(r#"(export "memory" (memory {}))"#, numbers.below(2)),
        _ => {
            let instructions = (0..numbers.below(12)).map(|_| INSTRUCTIONS[numbers.below(10)]);
            let body = instructions.collect::<Vec<_>>().join(" ");
            format!("(func (param i32) (result i32) (local {}) {body})", "i64 ".repeat(numbers.below(40)))
        }
    });
    fields.collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_components_are_refused_with_words() {
    let host = Host::new();
    let (mut numbers, mut tried) = (Numbers(1), 0);
    while tried < how_many(1_000) {
        let text = format!("(component {})", fields(&mut numbers, 0));
        let Ok(component) = wat::parse_str(&text) else { continue };
        tried += 1;
        assert!(!checked(&host.engine, &component, &text), "nobody generates a plugin by chance: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_modules_are_no_components() {
    let host = Host::new();
    let (mut numbers, mut tried) = (Numbers(2), 0);
    while tried < how_many(200) {
        let Ok(module) = wat::parse_str(format!("(module {})", module(&mut numbers))) else { continue };
        tried += 1;
        assert!(matches!(host.engine.check(&module).1, Err(Refused::CoreModule)));
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
