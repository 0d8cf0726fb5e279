//! Guests written by hand, function by function, to break what a compiler would never break.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use chancery_engine::{ConfigureError, Fault, FaultKind, Refused, Stage};
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::support::{Host, with_section};

/// The parts of a core module; what is not given is well-behaved or never reached.
struct Guest {
    /// What `cabi_realloc` does: parameters 0 to 3, one result.
    realloc: &'static str,
    /// What `describe` does: pointer and length of the configuration, a pointer to the result.
    describe: &'static str,
    /// What is called after it.
    post: &'static str,
    /// More of the module.
    more: String,
}

impl Default for Guest {
    fn default() -> Self {
        Self { realloc: "i32.const 4096", describe: "unreachable", post: "", more: String::new() }
    }
}

impl Guest {
    fn component(&self) -> Vec<u8> {
        const TEMPLATE: &str = "chancery:credential-template/template@0.1.0";
        let Self { realloc, describe, post, more } = self;
        let module = format!(
            r#"(module
                (memory (export "memory") 1)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "{TEMPLATE}#describe") (param i32 i32) (result i32) {describe})
                (func (export "cabi_post_{TEMPLATE}#describe") (param i32) {post})
                (func (export "{TEMPLATE}#prepare") (param i32) (result i32) unreachable)
                {more}
            )"#
        );
        let mut module = wat::parse_str(module).unwrap();
        let mut resolve = Resolve::default();
        let wit = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../wit/0.1.0");
        let mut package = None;
        for folder in ["types", "log", "credential-template"] {
            package = Some(resolve.push_dir(wit.join(folder)).unwrap().0);
        }
        let world = resolve.select_world(&[package.unwrap()], None).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let component = ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
        let manifest = json!({"name": "crafted", "version": "1", "hook": "credential-template"});
        with_section(&component, "chancery:plugin", manifest.to_string().as_bytes())
    }

    /// What comes of describing itself; never more than a moment later.
    async fn fault(&self) -> FaultKind {
        let host = Host::new();
        let component = host.engine.load(&self.component()).await.unwrap();
        let started = Instant::now();
        let error = host.engine.template(&component, json!({})).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
        let ConfigureError::Fault(Fault { kind, .. }) = error else { panic!("{error:?}") };
        kind
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_runs_out_of_fuel_wherever_it_is() {
    const LOOP: &str = "(loop (br 0)) unreachable";
    for (place, guest) in [
        ("start", Guest { more: format!("(func $start {LOOP}) (start $start)"), ..Guest::default() }),
        ("cabi_realloc", Guest { realloc: LOOP, ..Guest::default() }),
        ("describe", Guest { describe: LOOP, ..Guest::default() }),
        // Two functions that call each other at the end never use the stack up.
        (
            "tail calls",
            Guest {
                describe: "return_call $a",
                more: "(func $a (result i32) return_call $b) (func $b (result i32) return_call $a)".into(),
                ..Guest::default()
            },
        ),
        // A result that is good enough to be read, so that the call gets as far as that: a fault.
        ("post-return", Guest { describe: A_FAULT, post: "(loop (br 0))", ..Guest::default() }),
        (
            "br_table",
            Guest { describe: "(loop (block (br_table 0 1 (i32.const 1)))) unreachable", ..Guest::default() },
        ),
        (
            "memory.fill",
            Guest {
                describe: "(loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536)) (br 0)) unreachable",
                ..Guest::default()
            },
        ),
    ] {
        let kind = guest.fault().await;
        // A single instruction that fills memory is as dear as any other, so there time is up first.
        assert!(matches!(kind, FaultKind::OutOfFuel | FaultKind::Timeout), "{place}: {kind:?}");
    }
}

/// `err(fault)` of empty strings, none and an empty list.
const A_FAULT: &str = "(i32.store8 (i32.const 8192) (i32.const 1)) i32.const 8192";

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_that_the_others_are_made_of_is_well_formed() {
    let kind = Guest { describe: A_FAULT, ..Guest::default() }.fault().await;
    assert!(
        matches!(&kind, FaultKind::Plugin { code, message, .. } if code.is_empty() && message.is_empty())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_of_memory_or_tables_is_out_of_memory() {
    let start = |body: &str| format!("(table $t 1 funcref) (func $start {body}) (start $start)");
    for more in [
        start("(drop (memory.grow (i32.const 1000)))"),
        start("(loop (drop (memory.grow (i32.const 1))) (br 0))"),
        start("(drop (table.grow $t (ref.null func) (i32.const 1000000)))"),
        start("(loop (drop (table.grow $t (ref.null func) (i32.const 1000))) (br 0))"),
    ] {
        let guest = Guest { more: more.clone(), ..Guest::default() };
        assert_eq!(guest.fault().await, FaultKind::OutOfMemory, "{more}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_about_an_answer_traps() {
    // 8192: the discriminant; 8196 and 8200: pointer and length of the fault's code; 8228 and 8232: of `ext`.
    let lie = |pointer: &str, length: &str| -> &'static str {
        let store = format!(
            "(i32.store8 (i32.const 8192) (i32.const 1)) (i32.store (i32.const 8196) (i32.const {pointer}))
             (i32.store (i32.const 8200) (i32.const {length})) i32.const 8192"
        );
        Box::leak(store.into_boxed_str())
    };
    for (what, describe) in [
        ("a pointer beyond the memory", "i32.const 0x7ffffff0"),
        ("a pointer at its very end", "i32.const 65535"),
        ("a negative pointer", "i32.const -4"),
        ("a pointer between two places", "i32.const 8193"),
        ("a case that there is not", "(i32.store8 (i32.const 8192) (i32.const 9)) i32.const 8192"),
        ("a string beyond the memory", lie("65530", "100")),
        ("a string of four gigabytes", lie("0", "0xffffffff")),
        ("a string that wraps around", lie("0xfffffff0", "0x20")),
        (
            "a string that is no UTF-8",
            "(i32.store8 (i32.const 8192) (i32.const 1)) (i32.store (i32.const 8196) (i32.const 100))
             (i32.store (i32.const 8200) (i32.const 2)) (i32.store16 (i32.const 100) (i32.const 0x28c3))
             i32.const 8192",
        ),
        (
            "a surrogate in a string",
            "(i32.store8 (i32.const 8192) (i32.const 1)) (i32.store (i32.const 8196) (i32.const 100))
             (i32.store (i32.const 8200) (i32.const 3)) (i32.store (i32.const 100) (i32.const 0x80a0ed))
             i32.const 8192",
        ),
        (
            "a list of a billion",
            "(i32.store8 (i32.const 8192) (i32.const 1)) (i32.store (i32.const 8228) (i32.const 64))
             (i32.store (i32.const 8232) (i32.const 1000000000)) i32.const 8192",
        ),
    ] {
        let kind = Guest { describe, ..Guest::default() }.fault().await;
        assert!(matches!(kind, FaultKind::Trap(_) | FaultKind::OutputTooLarge { .. }), "{what}: {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allocator_that_lies_traps() {
    for realloc in ["i32.const 65535", "i32.const 0x7fffffff", "i32.const -1", "unreachable"] {
        let kind = Guest { realloc, ..Guest::default() }.fault().await;
        assert!(matches!(kind, FaultKind::Trap(_)), "{realloc}: {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_compiler_could_choke_on_is_refused_or_compiled_in_moments() {
    let table = format!("(br_table {} 0 (local.get 0))", "0 ".repeat(20_000));
    let blocks = format!("{}{}", "(block ".repeat(2_000), ")".repeat(2_000));
    let functions = "(func (result i32) i32.const 1)".repeat(15_000);
    let locals = format!("(func (local {}))", "i64 ".repeat(1_900)).repeat(200);
    for (what, more) in [
        ("a br_table of 20,000", format!("(func (param i32) (block {table}))")),
        ("blocks in blocks", format!("(func {blocks})")),
        ("15,000 functions", functions),
        ("200 functions of 1,900 locals", locals),
    ] {
        let wasm = Guest { describe: A_FAULT, more, ..Guest::default() }.component();
        let started = Instant::now();
        let loaded = Host::new().engine.load(&wasm).await;
        assert!(started.elapsed() < Duration::from_secs(30), "{what} took {:?}", started.elapsed());
        if let Err(refused) = loaded {
            assert!(!matches!(refused, Refused::CompilerPanicked), "{what}: {refused}");
        }
    }
}

#[tokio::test]
async fn what_is_nested_without_end_is_refused_before_it_is_walked() {
    for (open, close) in [("(component ", ")"), ("(component (core module) ", ")")] {
        let text = format!("(component {}{})", open.repeat(40), close.repeat(40));
        let (report, refused) = Host::new().engine.check(&wat::parse_str(text).unwrap());
        assert!(matches!(refused, Err(Refused::TooMuch { .. })));
        assert_eq!(report.failures().next().unwrap().stage, Stage::Structure);
    }
}
