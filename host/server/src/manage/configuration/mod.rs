//! What is chosen about how a tenant issues, and where every value comes from.

pub(crate) mod change;
pub(crate) mod show;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::settings::{self, Level, Overrides};
use chancery_domain::{ApiKeyId, ClientId};
use chancery_store::{Configuration, Configurations, TenantTx};
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

use super::read;
use super::versions::tagged;
use crate::no_store;
use crate::problem::Problem;

/// Every setting that is chosen here or at a broader level, by name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ConfigurationView {
    settings: BTreeMap<&'static str, SettingView>,
}

/// One setting.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SettingView {
    /// What counts.
    value: Value,
    /// `default`, `application`, `tenant` or `principal`: who chose it.
    source: &'static str,
    /// Whether whoever chose it has the last word: narrower levels do not change it.
    #[serde(rename = "final")]
    is_final: bool,
    /// What would count if nobody had.
    default: Value,
    /// The JSON Schema of its values.
    #[schema(value_type = Object)]
    schema: Value,
    /// What it does.
    description: &'static str,
}

/// What is chosen; a member that is missing is left to the broader levels.
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the request, whose members are the domain's own")]
pub(crate) struct ConfigurationRequest {
    offer_lifetime: Option<u32>,
    tx_code_length: Option<u8>,
    dpop_required: Option<bool>,
    session_retention_days: Option<u16>,
    display_name: Option<String>,
    display_locale: Option<String>,
    logo_uri: Option<String>,
    /// Which of these narrower levels do not change, by name.
    #[schema(rename = "final")]
    finals: Option<Vec<String>>,
}

impl ConfigurationView {
    /// What counts at a level, with what was chosen there and above, the broadest first.
    fn new(level: Level, chosen: &[(Level, &Overrides)]) -> Self {
        let chosen: Vec<(Level, &Overrides, Map<String, Value>)> =
            chosen.iter().map(|(level, overrides)| (*level, *overrides, overrides.by_name())).collect();
        let here = settings::all().into_iter().filter(|setting| setting.levels.contains(&level));
        let view = |setting: settings::Setting| {
            let settings::Setting { name, description, default, schema, .. } = setting;
            let (mut source, mut value, mut is_final) = ("default", default.clone(), false);
            for (level, overrides, by_name) in &chosen {
                if let Some(chosen) = by_name.get(name).filter(|_| !is_final) {
                    (source, value) = (level.as_str(), chosen.clone());
                    is_final = overrides.is_final(name);
                }
            }
            (name, SettingView { value, source, is_final, default, schema, description })
        };
        Self { settings: here.map(view).collect() }
    }
}

/// The configuration of the deployment, with the version of what was chosen.
pub(crate) fn of_deployment(chosen: &Configuration) -> Response {
    let view = ConfigurationView::new(Level::Application, &[(Level::Application, &chosen.overrides)]);
    tagged(no_store(Json(view)), chosen.version)
}

/// The configuration of a tenant, or of one of its callers, with the version of what was chosen there.
fn of_tenant(all: &Configurations, principal: Option<Uuid>) -> Response {
    let above = [(Level::Application, &all.application), (Level::Tenant, &all.tenant.overrides)];
    let (view, version) = match principal {
        None => (ConfigurationView::new(Level::Tenant, &above), all.tenant.version),
        Some(principal) => {
            let none = Configuration::default();
            let own = all.principals.get(&principal).unwrap_or(&none);
            let chain = [above[0], above[1], (Level::Principal, &own.overrides)];
            (ConfigurationView::new(Level::Principal, &chain), own.version)
        }
    };
    tagged(no_store(Json(view)), version)
}

/// The whole of what is chosen (PUT).
pub(crate) fn replaced(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Overrides, Problem> {
    understood(read(headers, body)?)
}

/// What was chosen, with a merge patch applied (RFC 7396).
pub(crate) fn patched(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
    chosen: &Overrides,
) -> Result<Overrides, Problem> {
    let Value::Object(patch) = read(headers, body)? else { return understood(Value::Null) };
    let mut members = chosen.by_name();
    for (name, value) in patch {
        // No setting is an object, so there is nothing deeper to merge.
        if value.is_null() {
            members.shift_remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    understood(Value::Object(members))
}

/// Says which member is unknown or of another type.
fn understood(body: Value) -> Result<Overrides, Problem> {
    let Value::Object(members) = &body else {
        return Err(Problem::invalid_at("", "shape", "a configuration is an object"));
    };
    for (name, value) in members {
        let alone = Value::Object([(name.clone(), value.clone())].into_iter().collect());
        if let Err(error) = serde_json::from_value::<Overrides>(alone) {
            return Err(Problem::invalid_at(&format!("/{name}"), "setting", error.to_string()));
        }
    }
    serde_json::from_value(body).map_err(|error| Problem::invalid_at("", "shape", error.to_string()))
}

/// The caller of that id, in its textual form and as it is stored.
async fn principal(tx: &mut TenantTx, id: &str) -> Result<Uuid, Problem> {
    let found = if let Ok(key) = id.parse::<ApiKeyId>() {
        let key = tx.api_key_by_id(key).await?;
        key.filter(|key| key.revoked_at.is_none()).map(|key| key.id.uuid())
    } else if let Ok(client) = id.parse::<ClientId>() {
        tx.client(client).await?.map(|client| client.id.uuid())
    } else {
        None
    };
    found.ok_or_else(Problem::not_found)
}
