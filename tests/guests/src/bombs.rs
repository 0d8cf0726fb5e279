//! Files that cost whoever reads them more than they seem to.

use serde_json::json;

use crate::crafted::{A_FAULT, Guest};

/// Each is to be refused for its structure, before anything compiles it; what it is, and its bytes.
#[must_use]
pub fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let module = |fields: String| format!("(core module {fields})");
    let targets = "0 ".repeat(1_000_000);
    [
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
    ]
    .map(|(what, class, body)| (what, bomb(class, &body)))
    .into()
}

/// A component that says who it is, and what is in it, in text.
fn bomb(class: &str, body: &str) -> Vec<u8> {
    let manifest =
        json!({ "name": "bomb", "version": "1", "hook": "credential-template", "class": class }).to_string();
    let manifest = manifest.replace('"', "\\\"");
    wat::parse_str(format!("(component (@custom \"chancery:plugin\" \"{manifest}\") {body})")).unwrap()
}

/// What a compiler could choke on: each is to be refused, or compiled in moments.
#[must_use]
pub fn for_the_compiler() -> Vec<(&'static str, Vec<u8>)> {
    let table = format!("(br_table {} 0 (local.get 0))", "0 ".repeat(20_000));
    let blocks = format!("{}{}", "(block ".repeat(2_000), ")".repeat(2_000));
    let functions = "(func (result i32) i32.const 1)".repeat(15_000);
    let locals = format!("(func (local {}))", "i64 ".repeat(1_900)).repeat(200);
    [
        ("a br_table of 20,000", format!("(func (param i32) (block {table}))")),
        ("blocks in blocks", format!("(func {blocks})")),
        ("15,000 functions", functions),
        ("200 functions of 1,900 locals", locals),
    ]
    .map(|(what, more)| (what, Guest { describe: A_FAULT, more, ..Guest::default() }.component()))
    .into()
}
