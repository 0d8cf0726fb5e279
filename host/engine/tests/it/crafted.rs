//! Guests written by hand, function by function, to break what a compiler would never break.

use std::time::{Duration, Instant};

use chancery_engine::{ConfigureError, Fault, FaultKind, Refused, Stage};
use chancery_guests::{A_FAULT, Guest, for_the_compiler, growths, loops};
use serde_json::json;

use crate::support::Host;

/// What comes of describing itself; never more than a moment later.
async fn fault(guest: Guest) -> FaultKind {
    let host = Host::new();
    let component = host.engine.load(&guest.component()).await.unwrap();
    let started = Instant::now();
    let error = host.engine.template(&component, json!({})).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
    let ConfigureError::Fault(Fault { kind, .. }) = error else { panic!("{error:?}") };
    kind
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_runs_out_of_fuel_wherever_it_is() {
    for (place, guest) in loops() {
        let kind = fault(guest).await;
        // A single instruction that fills memory is as dear as any other, so there time is up first.
        assert!(matches!(kind, FaultKind::OutOfFuel | FaultKind::Timeout), "{place}: {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_that_the_others_are_made_of_is_well_formed() {
    let kind = fault(Guest { describe: A_FAULT, ..Guest::default() }).await;
    assert!(
        matches!(&kind, FaultKind::Plugin { code, message, .. } if code.is_empty() && message.is_empty())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_of_memory_or_tables_is_out_of_memory() {
    for (what, guest) in growths() {
        assert_eq!(fault(guest).await, FaultKind::OutOfMemory, "{what}");
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
        let kind = fault(Guest { describe, ..Guest::default() }).await;
        assert!(matches!(kind, FaultKind::Trap(_) | FaultKind::OutputTooLarge { .. }), "{what}: {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allocator_that_lies_traps() {
    for realloc in ["i32.const 65535", "i32.const 0x7fffffff", "i32.const -1", "unreachable"] {
        let kind = fault(Guest { realloc, ..Guest::default() }).await;
        assert!(matches!(kind, FaultKind::Trap(_)), "{realloc}: {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_compiler_could_choke_on_is_refused_or_compiled_in_moments() {
    for (what, wasm) in for_the_compiler() {
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
