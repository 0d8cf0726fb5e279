//! A guest for tests: it does what its configuration says, and none of it is nice.
//!
//! `{"describe": "…"}` chooses what goes wrong while it describes itself, `{"prepare": "…"}` what
//! goes wrong afterwards. An unknown word is a well-behaved template with one field `value`.

#![allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "misbehaving is its purpose")]

mod wasi;

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
};

use chancery_plugin_sdk::{Disclosure, ValueKind, log, prelude::*};

/// The guest.
pub struct Hostile;

chancery_plugin_sdk::export!(Hostile);

impl CredentialTemplate for Hostile {
    fn describe(configuration: Value) -> Result<Definition, Fault> {
        let definition = Definition::new("hostile")
            .display(Display::new("en", "Hostile"))
            .field(Field::text("value").mandatory())
            .field(Field::new("number", ValueKind::Integer))
            .source(Source {
                name: "register".into(),
                description: "Knows everybody.".into(),
                parameters_schema: json!({}),
                answer_schema: json!({}),
            })
            .configuration_schema(json!({
                "type": "object",
                "properties": {"describe": {"type": "string"}, "prepare": {"type": "string"}},
                "additionalProperties": false
            }));
        let vct = "urn:example:hostile";
        Ok(match behaviour(&configuration, "describe") {
            "reserved-claim" => {
                definition.sd_jwt(vct, |claims| claims.at("value", &["iss"], Disclosure::Always))
            }
            "reserved-below" => {
                definition.sd_jwt(vct, |claims| claims.at("value", &["a", "_sd"], Disclosure::Always))
            }
            "overlap" => definition.sd_jwt(vct, |claims| {
                claims.at("value", &["a"], Disclosure::Selective).at(
                    "number",
                    &["a", "b"],
                    Disclosure::Selective,
                )
            }),
            "undeclared-field" => definition.sd_jwt(vct, |claims| claims.selective("nobody")),
            "twin-fields" => definition.field(Field::text("value")),
            "remote-schema" => definition.subject_schema(json!({"$ref": "https://example.com/schema.json"})),
            "no-schema" => definition.subject_schema(json!({"type": "nonsense"})),
            "no-display" => Definition { display: Vec::new(), ..definition },
            "pictures" => Definition {
                display: vec![
                    Display::new("en", "Hostile")
                        .logo("data:image/png;base64,iVBORw0KGgo=", "A skull")
                        .background_image("https://hostile.example/bones.png"),
                ],
                ..definition.sd_jwt("/types/hostile", |claims| claims.selective("value"))
            },
            "no-logo" => {
                definition.display(Display::new("de", "Hostile").logo("http://x.example/a.png", "x"))
            }
            "no-background" => definition
                .display(Display::new("de", "Hostile").background_image("data:image/svg+xml,<svg onload=x>")),
            "no-vct" => definition.sd_jwt("hostile", |claims| claims.selective("value")),
            "fault" => return Err(Fault::configuration("nothing pleases it")),
            "endless" => endless(),
            _ => definition.sd_jwt(vct, |claims| claims.selective("value")),
        })
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        let value = |value: Value| Ok(Outcome::Issue(Dataset::from_iter([("value".to_owned(), value)])));
        match behaviour(&context.configuration, "prepare") {
            "endless" => endless(),
            "memory" => loop {
                black_box(vec![1_u8; 1 << 20]).leak();
            },
            "recursion" => value(json!(recursion(1))),
            "deep-recursion" => value(json!(deep_recursion(1))),
            "panic" => panic!("it fell over\nin two lines"),
            "busy-copy" => loop {
                black_box(black_box(vec![1_u8; 4 << 20]).clone());
            },
            "large-output" => value(json!("x".repeat(300 << 10))),
            "tables-of-issues" => Ok(Outcome::Refuse(
                (0..2_000).map(|n| Issue::new(&format!("/{n}"), "x", &"y".repeat(200))).collect(),
            )),
            "twin-lookups" => {
                let lookup = |parameters| Lookup { id: "one".into(), source: "register".into(), parameters };
                Ok(Outcome::Need(vec![lookup(json!(1)), lookup(json!(2))]))
            }
            "no-lookups" => Ok(Outcome::Need(Vec::new())),
            "long-fault" => Err(Fault::new(&"code".repeat(1_000), "it\u{1b}[31m fell\nover ".repeat(1_000))),
            "larger-output" => value(json!("x".repeat(3 << 20))),
            "many-issues" => Ok(Outcome::Refuse(vec![Issue::new("", "", ""); 100_000])),
            "large-log" => {
                log::info(&"x".repeat(1 << 20));
                value(json!("said"))
            }
            "log-flood" => {
                for line in 0..100_000 {
                    log::info(&format!("line {line}\n\u{1b}[31m"));
                }
                value(json!("said"))
            }
            "undeclared-field" => Ok(Outcome::Issue(Dataset::from_iter([
                ("value".to_owned(), json!("x")),
                ("iss".to_owned(), json!("https://evil.example")),
            ]))),
            "missing-field" => Ok(Outcome::Issue(Dataset::default())),
            "wrong-kind" => value(json!(1)),
            "over" => Ok(Outcome::Issue(Dataset {
                good_until: Some(context.now),
                ..Dataset::from_iter([("value".to_owned(), json!("x"))])
            })),
            "circumstances" => value(json!(format!(
                "{:?} {:?} {} before",
                context.authentication, context.upstream_claims, context.prior_issuances
            ))),
            "fault" => Err(Fault { retryable: true, ..Fault::new("not-today", "it does not feel like it") }),
            "need" => match request.answers.first() {
                None => Ok(Outcome::Need(vec![Lookup {
                    id: "one".into(),
                    source: "register".into(),
                    parameters: json!({"name": "Erika"}),
                }])),
                Some(answer) => value(answer.document.clone().unwrap_or(json!("unknown"))),
            },
            "need-forever" => {
                let id = format!("round-{}", request.answers.len());
                Ok(Outcome::Need(vec![Lookup::new(&id, "register", json!({}))]))
            }
            "need-unknown-source" => Ok(Outcome::Need(vec![Lookup {
                id: "one".into(),
                source: "elsewhere".into(),
                parameters: json!({}),
            }])),
            "defer" => Ok(Outcome::Defer { after_seconds: 60, reason: "somebody has to look at it".into() }),
            "defer-in-earnest" if context.purpose == Purpose::Issue && request.completed_at.is_none() => {
                Ok(Outcome::Defer { after_seconds: 7, reason: "somebody has to look at it".into() })
            }
            "key-attestation" => value(json!(context.key_attestation.as_deref().unwrap_or("nobody says"))),
            "remember" => {
                static CALLS: AtomicU64 = AtomicU64::new(0);
                value(json!(CALLS.fetch_add(1, Ordering::Relaxed).to_string()))
            }
            "canary" => value(json!(canary().to_string())),
            "clock" => value(json!(wasi::clock().to_string())),
            "random" => value(json!(wasi::random())),
            "environment" => value(json!(wasi::environment().to_string())),
            "timer" => value(json!(wasi::timer().to_string())),
            "sleep" => {
                wasi::sleep();
                value(json!("slept"))
            }
            _ => value(request.subject.get("value").cloned().unwrap_or(json!("nothing"))),
        }
    }
}

fn behaviour<'a>(configuration: &'a Value, of: &str) -> &'a str {
    configuration.get(of).and_then(Value::as_str).unwrap_or_default()
}

fn endless() -> ! {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

/// Uses up the machine's stack long before the guest's own.
#[inline(never)]
fn deep_recursion(depth: u64) -> u64 {
    let next: fn(u64) -> u64 = black_box(deep_recursion);
    next(depth + 1).wrapping_mul(3)
}

/// Uses up the guest's own stack, which lies at the bottom of its memory.
#[inline(never)]
fn recursion(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    if depth == u64::MAX { room[0] } else { recursion(depth + 1).wrapping_add(room[63]) }
}

/// How many pages of fresh memory still hold what an earlier call wrote there.
fn canary() -> usize {
    const CANARY: [u8; 16] = *b"CHANCERY-CANARY!";
    let mut room: Vec<[u8; 16]> = Vec::with_capacity(8 << 16);
    let spare = room.spare_capacity_mut();
    let found = spare
        .iter()
        // SAFETY: reading what is there, whatever it is, is the point; linear memory is never uninitialised.
        .filter(|cell| unsafe { cell.as_ptr().read_volatile() } == CANARY)
        .count();
    spare.iter_mut().for_each(|cell| {
        cell.write(CANARY);
    });
    black_box(&spare);
    found
}
