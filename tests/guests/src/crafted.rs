//! Guests written by hand, function by function, to break what a compiler would never break.

use std::path::PathBuf;

use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::with_section;

/// What `describe` does to answer `err(fault)` of empty strings, none and an empty list.
pub const A_FAULT: &str = "(i32.store8 (i32.const 8192) (i32.const 1)) i32.const 8192";

/// The parts of a core module; what is not given is well-behaved or never reached.
pub struct Guest {
    /// What `cabi_realloc` does: parameters 0 to 3, one result.
    pub realloc: &'static str,
    /// What `describe` does: pointer and length of the configuration, a pointer to the result.
    pub describe: &'static str,
    /// What is called after it.
    pub post: &'static str,
    /// More of the module.
    pub more: String,
}

impl Default for Guest {
    fn default() -> Self {
        Self { realloc: "i32.const 4096", describe: "unreachable", post: "", more: String::new() }
    }
}

impl Guest {
    /// As a component that is well-formed, whatever it does.
    #[must_use]
    pub fn component(&self) -> Vec<u8> {
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
}

/// Each goes round for ever in another place; its name, and the guest.
#[must_use]
pub fn loops() -> Vec<(&'static str, Guest)> {
    const LOOP: &str = "(loop (br 0)) unreachable";
    [
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
    ]
    .into()
}

/// Each grows at its start until it is stopped.
#[must_use]
pub fn growths() -> Vec<(&'static str, Guest)> {
    [
        ("memory at once", "(drop (memory.grow (i32.const 1000)))"),
        ("memory page by page", "(loop (drop (memory.grow (i32.const 1))) (br 0))"),
        ("a table at once", "(drop (table.grow $t (ref.null func) (i32.const 1000000)))"),
        ("a table bit by bit", "(loop (drop (table.grow $t (ref.null func) (i32.const 1000))) (br 0))"),
    ]
    .map(|(what, body)| {
        let more = format!("(table $t 1 funcref) (func $start {body}) (start $start)");
        (what, Guest { more, ..Guest::default() })
    })
    .into()
}
