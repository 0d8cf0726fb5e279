//! Says what a licence allows.
//!
//! The document is JSON that nobody signed: good for a first look, not for selling licences. What a
//! signature takes is in Chancery's own `signed-license`.

use chancery_plugin_sdk::license::prelude::*;
use serde::Deserialize;

/// The plugin.
pub struct {{project-name | upper_camel_case}};

chancery_plugin_sdk::export!(
    {{project-name | upper_camel_case}} as License,
    vectors: ["no-document", "it-holds", "it-has-expired", "no-place-left"]
);

/// The licence document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    licensee: String,
    expires: u64,
    tenants: u32,
    #[serde(default)]
    features: Vec<String>,
}

impl License for {{project-name | upper_camel_case}} {
    fn describe(_: Value) -> Result<Description, Fault> {
        Ok(Description::new("en", "{{project-name}}", "Reads a licence that nobody signed."))
    }

    fn read(document: Option<&str>, context: Context) -> Result<Entitlements, Fault> {
        let Some(document) = document else {
            return Ok(Entitlements::nothing(State::Missing, "there is no licence; install one"));
        };
        // What is wrong with a document is a state, not a fault.
        let Ok(Document { licensee, expires, tenants, features }) = serde_json::from_str(document) else {
            return Ok(Entitlements::nothing(State::Invalid, "the licence cannot be read; ask for a new one"));
        };
        if context.latest > context.now {
            return Ok(Entitlements::nothing(State::Invalid, "the clock was turned back; set it right"));
        }
        let state = if context.now < expires { State::Active } else { State::Expired };
        Ok(Entitlements {
            licensee: Some(licensee),
            expires: Some(expires),
            limits: Limits { max_total_tenants: Some(tenants), ..Limits::default() },
            features,
            ..Entitlements::nothing(state, "")
        })
    }
}
