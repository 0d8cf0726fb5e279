//! Decides who may become a tenant.

use chancery_plugin_sdk::policy::prelude::*;
use serde::Deserialize;

/// The policy.
pub struct {{project-name | upper_camel_case}};

chancery_plugin_sdk::export!(
    {{project-name | upper_camel_case}} as OnboardingPolicy,
    vectors: ["there-is-room", "there-is-none"]
);

/// What the operator decides.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Configuration {
    /// From so many tenants on, a person has to look.
    tenants: u32,
}

impl Default for Configuration {
    fn default() -> Self {
        Self { tenants: 100 }
    }
}

impl OnboardingPolicy for {{project-name | upper_camel_case}} {
    fn describe(_: Value) -> Result<Description, Fault> {
        let does = "From a number of tenants on, a person looks at every registration.";
        Ok(Description::new("en", "{{project-name}}", does).configuration_schema(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "tenants": {"title": "Tenants", "type": "integer", "minimum": 0, "default": 100}
            },
            "additionalProperties": false
        })))
    }

    fn decide(_: Registration, context: Context) -> Result<Decision, Fault> {
        let configuration: Configuration = serde_json::from_value(context.configuration)?;
        Ok(if context.counts.total < configuration.tenants {
            Decision::Approve
        } else {
            Decision::require_approval("", "many-tenants", "somebody has to look whether there is room")
        })
    }
}
