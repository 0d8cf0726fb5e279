//! The contract in `wit/`, as Rust; generated, so that there is no second copy to drift.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::pedantic,
    reason = "generated from the WIT, where every line is documented"
)]

wasmtime::component::bindgen!({
    path: ["../../wit/0.1.0/types", "../../wit/0.1.0/log", "../../wit/0.1.0/credential-template"],
    world: "chancery:credential-template/credential-template",
    exports: { default: async },
    additional_derives: [serde::Serialize, serde::Deserialize],
});

pub(crate) use chancery::log::log as log_import;
pub(crate) use chancery::types::types;
pub(crate) use exports::chancery::credential_template::template;
