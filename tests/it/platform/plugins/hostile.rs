//! Uploads that nobody means well with: every one is answered with what is wrong, and the server goes on

use chancery_tests::House;
use chancery_tests::people::{Plugin, badge};
use serde_json::json;

/// The same numbers in every run (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}

/// A component that says who it is, and what is in it, in text.
fn bomb(class: &str, body: &str) -> Plugin {
    let manifest =
        json!({ "name": "bomb", "version": "1", "hook": "credential-template", "class": class }).to_string();
    let manifest = manifest.replace('"', "\\\"");
    Plugin(
        wat::parse_str(format!("(component (@custom \"chancery:plugin\" \"{manifest}\") {body})")).unwrap(),
    )
}

/// What the file is refused for, by the stage that it failed at.
#[track_caller]
fn told(answer: &chancery_tests::Answer) -> (String, String) {
    let problem = answer.clone().problem(422, "plugin-refused");
    let first = problem["errors"][0].clone();
    let text = |member: &str| first[member].as_str().unwrap_or_default().to_owned();
    assert!(!problem["detail"].as_str().unwrap().is_empty() && !text("message").is_empty(), "{problem}");
    (text("pointer"), text("code"))
}

#[tokio::test]
async fn a_bomb_is_refused_before_anything_compiles_it() {
    let house = House::start();
    let issuer = house.acme().issuer();
    let module = |fields: String| format!("(core module {fields})");
    let targets = "0 ".repeat(1_000_000);
    for (what, class, body) in [
        ("50,000 locals", "compiled", module(format!("(func (local {}))", "i64 ".repeat(50_000)))),
        ("a million functions", "interpreted", module("(func)".repeat(1_000_000))),
        (
            "a br_table of a million",
            "interpreted",
            module(format!("(func (param i32) (block (br_table {targets} 0 (local.get 0))))")),
        ),
        ("10,000 imports", "compiled", module(r#"(import "a" "b" (func))"#.repeat(10_000))),
        ("1,000 modules", "compiled", "(core module)".repeat(1_000)),
        ("nested components", "compiled", format!("{}{}", "(component ".repeat(90), ")".repeat(90))),
        ("four gigabytes to begin with", "compiled", module("(memory 65536)".into())),
        ("ten million elements", "compiled", module("(table 10000000 funcref)".into())),
        ("sockets", "compiled", r#"(import "wasi:sockets/tcp@0.2.6" (instance))"#.into()),
        ("a type of types", "compiled", module("(rec (type (func)))".repeat(100_000))),
    ] {
        let (pointer, code) = told(&issuer.upload(&bomb(class, &body)).await);
        assert!(!["/compile", "/link"].contains(&pointer.as_str()), "{what}: {pointer} {code}");
    }
}

#[tokio::test]
async fn damaged_files_are_answered_one_by_one_and_the_server_goes_on() {
    let house = House::start();
    let (acme, good) = (house.acme(), Plugin::next_badge());
    let issuer = acme.issuer();
    issuer.upload(&good).await.is(201);
    let before = house.resident();
    let (mut numbers, mut refused) = (Numbers(7), 0);
    for _ in 0..60 {
        let mut wasm = good.0.clone();
        let from = 8 + numbers.below(wasm.len() - 16);
        match numbers.below(4) {
            0 => wasm.truncate(from),
            1 => wasm[from..from + 5].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f]),
            2 => drop(wasm.drain(from..(from + 200).min(good.0.len() - 8))),
            _ => wasm[from] ^= 1 << numbers.below(8),
        }
        let answer = issuer.upload(&Plugin(wasm)).await;
        // Damage in data or in a name leaves a plugin like any other.
        if answer.status != 201 {
            told(&answer);
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused}");
    let grown = house.resident().saturating_sub(before);
    assert!(grown < 96 << 10, "the server grew by {grown} KiB");
    acme.wallet().claim(&issuer.offer(badge()).await).await;
    let log = house.log();
    assert!(!log.contains("panicked"), "{log}");
}
