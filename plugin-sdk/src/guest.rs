//! Between the contract's types, which are generated, and the SDK's, which are kind.

mod license;
mod policy;
mod template;

use std::{marker::PhantomData, sync::Once};

use serde_json::Value;

use crate::{
    Description, log,
    outcome::{Fault, Issue},
};
use bindings::template::chancery::types::types;

/// Generated from `wit/`.
#[allow(
    missing_docs,
    unsafe_code,
    clippy::allow_attributes,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated from the WIT, where every line is documented"
)]
pub mod bindings {
    pub use super::Exported;

    pub mod template {
        wit_bindgen::generate!({
            path: ["../wit/0.1.0/types", "../wit/0.1.0/log", "../wit/0.1.0/credential-template"],
            world: "chancery:credential-template/credential-template",
            generate_all,
            // The other two take what they share from here.
            generate_unused_types: true,
            pub_export_macro: true,
            export_macro_name: "__export_credential_template",
            default_bindings_module: "chancery_plugin_sdk::bindings::template",
        });
    }

    pub mod policy {
        wit_bindgen::generate!({
            path: ["../wit/0.1.0/types", "../wit/0.1.0/log", "../wit/0.1.0/onboarding-policy"],
            world: "chancery:onboarding-policy/onboarding-policy",
            with: {
                "chancery:types/types@0.1.0": crate::guest::bindings::template::chancery::types::types,
                "chancery:log/log@0.1.0": crate::guest::bindings::template::chancery::log::log,
            },
            pub_export_macro: true,
            export_macro_name: "__export_onboarding_policy",
            default_bindings_module: "chancery_plugin_sdk::bindings::policy",
        });
    }

    pub mod license {
        wit_bindgen::generate!({
            path: ["../wit/0.1.0/types", "../wit/0.1.0/log", "../wit/0.1.0/license"],
            world: "chancery:license/license-plugin",
            with: {
                "chancery:types/types@0.1.0": crate::guest::bindings::template::chancery::types::types,
                "chancery:log/log@0.1.0": crate::guest::bindings::template::chancery::log::log,
            },
            pub_export_macro: true,
            export_macro_name: "__export_license",
            default_bindings_module: "chancery_plugin_sdk::bindings::license",
        });
    }
}

/// What `export!` gives to the generated bindings in the place of `T`.
pub struct Exported<T>(PhantomData<T>);

/// A panic ends as the instruction `unreachable`, which tells nobody anything; so it is logged.
fn say_why_it_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| log::error(&panic.to_string())));
    });
}

fn parse(document: &str) -> Result<Value, Fault> {
    Ok(serde_json::from_str(document)?)
}

fn description(description: Description) -> types::Description {
    types::Description {
        display: description
            .display
            .into_iter()
            .map(|entry| types::PluginDisplay {
                locale: entry.locale,
                name: entry.name,
                description: entry.description,
            })
            .collect(),
        configuration_schema: description.configuration_schema.to_string(),
        ext: Vec::new(),
    }
}

fn issues(issues: Vec<Issue>) -> Vec<types::Issue> {
    let issue =
        |issue: Issue| types::Issue { pointer: issue.pointer, code: issue.code, message: issue.message };
    issues.into_iter().map(issue).collect()
}

fn fault(fault: Fault) -> types::Fault {
    types::Fault {
        code: fault.code,
        message: fault.message,
        retryable: fault.retryable,
        detail: None,
        ext: Vec::new(),
    }
}
