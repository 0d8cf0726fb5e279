//! Has a person look at every registration.
//!
//! The smallest useful policy: whoever is not known is held, and the platform's own administration
//! decides. Ways that the operator trusts can be let through.

use chancery_plugin_sdk::policy::prelude::*;
use serde::Deserialize;

/// The policy.
pub struct ManualApproval;

chancery_plugin_sdk::export!(
    ManualApproval as OnboardingPolicy,
    vectors: ["a-stranger-waits", "the-operator-does-not", "a-trusted-parent-does-not"]
);

/// What the operator decides.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Configuration {
    /// By which ways nobody has to wait.
    trusted_channels: Vec<String>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self { trusted_channels: vec!["operator".into()] }
    }
}

impl OnboardingPolicy for ManualApproval {
    fn describe(_: Value) -> Result<Description, Fault> {
        let description = Description::new("en", "Manual approval", "A person looks at every registration.");
        Ok(description
            .also("de", "Freigabe von Hand", "Jede Registrierung wird von einem Menschen geprüft.")
            .configuration_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "trusted_channels": {
                        "title": "Ways that need no approval",
                        "type": "array", "items": {"enum": ["operator", "parent", "self-signup"]},
                        "uniqueItems": true, "default": ["operator"]
                    }
                },
                "additionalProperties": false
            })))
    }

    fn decide(registration: Registration, context: Context) -> Result<Decision, Fault> {
        let configuration: Configuration = serde_json::from_value(context.configuration)?;
        Ok(if configuration.trusted_channels.contains(&registration.channel) {
            Decision::Approve
        } else {
            Decision::require_approval("/channel", "not-trusted", "somebody has to look at who this is")
        })
    }
}
