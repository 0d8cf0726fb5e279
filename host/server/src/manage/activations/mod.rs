//! `/activations`: which revision of which plugin answers under which configuration id.

pub(crate) mod activate;
pub(crate) mod change;
pub(crate) mod list;

use chancery_domain::plugin::Part;
use chancery_store::InForce;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

/// A plugin in a configuration, and the part that it plays.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ActivationView {
    /// The credential configuration id; other formats append to it.
    configuration_id: String,
    /// The plugin's digest.
    digest: String,
    /// Of the plugin.
    #[schema(value_type = Object)]
    configuration: Value,
    /// `active`, `canary`, `shadow`, or `off`.
    part: &'static str,
    /// Of a canary: of a hundred new offers, how many are made with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<u8>,
    /// `tenant` or `deployment`: who decided so.
    decided_by: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
}

impl From<InForce> for ActivationView {
    fn from(in_force: InForce) -> Self {
        let InForce { activation, part, whose, since } = in_force;
        Self {
            configuration_id: activation.configuration_id,
            digest: hex::encode(activation.component),
            configuration: activation.configuration,
            part: part.map_or("off", Part::as_str),
            share: part.and_then(Part::share),
            decided_by: whose.as_str(),
            since,
        }
    }
}
