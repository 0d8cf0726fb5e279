//! What is refused at the door, and why.

use chancery_engine::Refused;

use crate::support::{Host, built};

/// A component around `body`, as text.
async fn refusal(body: &str) -> Refused {
    let wasm = wat::parse_str(format!("(component {body})")).unwrap();
    Host::new().engine.load(&wasm).await.unwrap_err()
}

const MANIFEST: &str = r#"{"name":"badge","version":"1","hook":"credential-template"}"#;
const HOOK: &str = r#"(instance $i) (export "chancery:credential-template/template@0.1.0" (instance $i))"#;

/// A custom section, as text.
fn section(name: &str, content: &str) -> String {
    format!("(@custom {name:?} {content:?})")
}

fn manifest() -> String {
    section("chancery:plugin", MANIFEST)
}

#[tokio::test]
async fn what_is_not_webassembly_is_refused() {
    let host = Host::new();
    for nonsense in [&b""[..], b"\0asm", b"#!/bin/sh", b"PK\x03\x04", &[0; 4096]] {
        assert_eq!(host.engine.load(nonsense).await.unwrap_err(), Refused::NotWasm);
    }
}

#[tokio::test]
async fn a_core_module_is_refused() {
    let module = wat::parse_str("(module)").unwrap();
    assert_eq!(Host::new().engine.load(&module).await.unwrap_err(), Refused::CoreModule);
}

#[tokio::test]
async fn a_precompiled_plugin_is_refused() {
    let host = Host::new();
    host.component("employee-badge").await;
    let file = std::fs::read_dir(host.cache.path()).unwrap().next().unwrap().unwrap().path();
    let compiled = std::fs::read(file).unwrap();
    // With and without the MAC in front of it.
    assert_eq!(host.engine.load(&compiled[32..]).await.unwrap_err(), Refused::Precompiled);
    assert_eq!(host.engine.load(&compiled).await.unwrap_err(), Refused::NotWasm);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let refused = Host::new().engine.load(&vec![0; (32 << 20) + 1]).await.unwrap_err();
    assert!(matches!(refused, Refused::TooLarge { .. }), "{refused}");
}

#[tokio::test]
async fn a_truncated_or_damaged_plugin_is_refused() {
    let host = Host::new();
    let badge = built("employee-badge");
    for length in [9, 100, 1_000, badge.len() / 2, badge.len() - 1] {
        host.engine.load(&badge[..length]).await.unwrap_err();
    }
    let mut damaged = badge;
    for byte in damaged.iter_mut().skip(5_000).step_by(97) {
        *byte ^= 0x55;
    }
    host.engine.load(&damaged).await.unwrap_err();
}

#[tokio::test]
async fn an_import_outside_the_contract_is_refused_by_name() {
    for import in [
        "wasi:filesystem/types@0.2.6",
        "wasi:filesystem/preopens@0.2.6",
        "wasi:sockets/tcp@0.2.6",
        "wasi:sockets/ip-name-lookup@0.2.6",
        "wasi:http/outgoing-handler@0.2.6",
        "wasi:clocks/wall-clock@0.3.0",
        "wasi:cli/run@0.2.6",
        "chancery:log/log@0.2.0",
        "chancery:keys/keys@0.1.0",
        "somebody:else/thing",
    ] {
        let refused = refusal(&format!(r#"{} (import "{import}" (instance))"#, manifest())).await;
        let Refused::Import { import: named, .. } = &refused else { panic!("{import}: {refused}") };
        assert_eq!(named, import);
        assert!(refused.to_string().contains(import), "{refused}");
    }
}

#[tokio::test]
async fn a_component_exports_its_hook_and_nothing_else() {
    let Refused::MissingExport(missing) = refusal(&manifest()).await else { panic!("no export") };
    assert_eq!(missing, "chancery:credential-template/template@0.1.0");
    let more = format!(r#"{} {HOOK} (instance $j) (export "wasi:cli/run@0.2.6" (instance $j))"#, manifest());
    let Refused::ForeignExport { export, .. } = refusal(&more).await else { panic!("one export too many") };
    assert_eq!(export, "wasi:cli/run@0.2.6");
}

#[tokio::test]
async fn a_component_that_does_not_say_who_it_is_is_refused() {
    assert!(matches!(refusal(HOOK).await, Refused::Manifest(_)));
    for manifest in [
        "no json",
        r#"{"name":"Badge","version":"1","hook":"credential-template"}"#,
        r#"{"name":"badge","version":"","hook":"credential-template"}"#,
        r#"{"name":"badge","version":"1","hook":"identity-provider"}"#,
        r#"{"name":"badge","version":"1","hook":"credential-template","class":"native"}"#,
        r#"{"name":"badge","version":"1","hook":"credential-template","description":"a\nb"}"#,
    ] {
        let refused = refusal(&format!("{} {HOOK}", section("chancery:plugin", manifest))).await;
        assert!(matches!(refused, Refused::Manifest(_)), "{manifest}: {refused}");
    }
    let empty = refusal(&format!("{} {HOOK}", manifest())).await;
    assert!(matches!(empty, Refused::Contract(_)), "an export of the right name but no functions: {empty}");
}

#[tokio::test]
async fn examples_that_are_none_are_refused_with_words() {
    let example = |claim: &str, more: &str| {
        format!(r#"{{"claim":"{claim}","now":0,"subject":{{}},"outcome":{{}}{more}}}"#)
    };
    let many = vec![example("a", ""); 65].join(",");
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for (vectors, word) in [
        (String::new(), "no JSON array"),
        ("{}".to_owned(), "no JSON array"),
        ("[1]".to_owned(), "number 1"),
        (deep, "no JSON array"),
        (format!("[{many}]"), "has 65 examples"),
        (format!("[{}]", " ".repeat(256 << 10)), "longer than 256 KiB"),
        (format!("[{}]", example("", "")), "its `claim`"),
        (format!("[{}]", example(&"a".repeat(201), "")), "its `claim`"),
        (format!("[{}]", example("a", r#","configuratoin":{}"#)), "configuratoin"),
        (format!("[{}]", example("a", r#","purpose":"fun""#)), "fun"),
        (format!("[{}]", example("a", "").replace(r#""now":0"#, r#""now":-1"#)), "number 1"),
        (format!("[{}]", example("a", "").replace(r#""now":0"#, r#""now":999999999999999"#)), "9999"),
    ] {
        let refused =
            refusal(&format!("{} {HOOK} {}", manifest(), section("chancery:vectors", &vectors))).await;
        let Refused::Vectors(reason) = &refused else { panic!("{word}: {refused}") };
        assert!(reason.contains(word), "{word}: {reason}");
    }
}

#[tokio::test]
async fn more_initial_memory_than_a_call_may_have_is_refused_before_compilation() {
    let refused = refusal("(core module (memory 65536))").await;
    assert!(
        matches!(&refused, Refused::TooMuch { what, .. } if what == "bytes of initial memory"),
        "{refused}"
    );
}

#[tokio::test]
async fn memory_and_tables_are_counted_over_all_modules() {
    for (body, named) in [
        ("(core module (memory 1))".repeat(5), "memories"),
        ("(core module (table 1 funcref))".repeat(17), "tables"),
        ("(core module (table 10000000 funcref))".into(), "elements in a table"),
        ("(core module)".repeat(31), "modules"),
    ] {
        let refused = refusal(&body).await;
        assert!(matches!(&refused, Refused::TooMuch { what, .. } if what == named), "{named}: {refused}");
    }
}

#[tokio::test]
async fn compile_bombs_are_refused_before_compilation() {
    let functions = format!("(core module {})", "(func)".repeat(20_001));
    let locals = format!("(core module (func (local {})))", "i32 ".repeat(2_001));
    let body = format!("(core module (func {}))", "i32.const 0 drop ".repeat(100_000));
    let imports = format!("(core module {})", r#"(import "a" "b" (func))"#.repeat(1_001));
    let types = format!("(core module {})", "(rec (type (func)))".repeat(20_001));
    let globals = format!("(core module {})", "(global i32 (i32.const 0))".repeat(1_001));
    for (body, named) in [
        (functions, "functions"),
        (locals, "locals in one function"),
        (body, "bytes in one function"),
        (imports, "imports"),
        (types, "types"),
        (globals, "globals"),
        (format!("{}{}", "(component ".repeat(25), ")".repeat(25)), "levels of nesting"),
    ] {
        let refused = refusal(&body).await;
        assert!(matches!(&refused, Refused::TooMuch { what, .. } if what == named), "{named}: {refused}");
    }
}

#[tokio::test]
async fn features_that_plugins_have_no_use_for_are_refused() {
    for body in [
        "(memory i64 1)",
        "(memory 1 1 shared)",
        "(func (result v128) v128.const i64x2 0 0 v128.const i64x2 0 0 i8x16.relaxed_swizzle)",
        "(type (struct))",
        "(tag)",
        "(func (param i64 i64 i64 i64) (result i64 i64) local.get 0 local.get 1 local.get 2 local.get 3 i64.add128)",
    ] {
        let refused = refusal(&format!("(core module {body})")).await;
        let known = matches!(refused, Refused::Malformed(_) | Refused::Manifest(_));
        assert!(known, "{body}: {refused}");
    }
}
