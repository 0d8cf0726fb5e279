//! `/license`: what bounds the deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::policies::digest_in;
use crate::app::App;
use crate::caller::Operator;
use crate::manage::read;
use crate::no_store;
use crate::operations::licensing::{Order, Standing, install_license, remove_license, standing};
use crate::problem::{Problem, ProblemDocument};

/// What a plugin reads, of a document.
const MOST: usize = 64 << 10;

/// Which plugin is to read the licence, and the licence.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LicenseRequest {
    /// Of a plugin of the catalogue: 64 hexadecimal digits.
    digest: String,
    /// The plugin's configuration, by the schema that it publishes; empty if absent.
    #[serde(default)]
    #[schema(value_type = Object)]
    configuration: Map<String, Value>,
    /// The document, as it was sent to you; kept sealed and never shown. Without it nothing is granted.
    #[serde(default)]
    document: Option<String>,
}

/// What bounds the deployment, and how much of it is used.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LicenseView {
    /// Of the plugin that reads it.
    digest: String,
    /// Of the plugin.
    #[schema(value_type = Object)]
    configuration: Value,
    /// SHA-256 of the document, in hexadecimal digits; none if there is no document.
    document: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    installed_at: OffsetDateTime,
    /// `missing`, `active`, `grace`, `expired` or `invalid`. In `active` and `grace` something may be added; what is
    /// there goes on in any.
    state: &'static str,
    /// Why it is in that state, and what to do.
    reason: Option<String>,
    /// Since when the plugin has not answered; what it read last counts for 24 hours.
    #[serde(with = "time::serde::rfc3339::option")]
    failing_since: Option<OffsetDateTime>,
    /// The licence's own identifier.
    id: Option<String>,
    /// Who holds it.
    licensee: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    not_before: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    expires: Option<OffsetDateTime>,
    /// Until when what was granted goes on after that.
    #[serde(with = "time::serde::rfc3339::option")]
    grace_until: Option<OffsetDateTime>,
    /// What is allowed at all.
    features: BTreeSet<String>,
    /// How much; a limit that is absent is none.
    limits: LimitsView,
    /// More limits, by name.
    quotas: BTreeMap<String, u64>,
    /// How much of it is used.
    used: UsedView,
}

/// How much a licence allows.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
struct LimitsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_root_tenants: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_total_tenants: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_hierarchy_depth: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtenants_allowed: Option<bool>,
}

/// How many tenants there are; those that wait take a place.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct UsedView {
    root_tenants: u32,
    total_tenants: u32,
}

/// Show the licence
#[utoipa::path(
    get, path = "/license", tag = "Onboarding",
    responses((status = 200, body = LicenseView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn show(State(app): State<Arc<App>>, _operator: Operator) -> Result<Response, Problem> {
    shown(&app).await
}

/// Install a licence
///
/// It bounds what is added from now on; nothing that is there ends. A document that is not valid here and now is
/// refused, and the one before stays.
#[utoipa::path(
    put, path = "/license", tag = "Onboarding", request_body = LicenseRequest,
    responses(
        (status = 200, body = LicenseView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn install(
    State(app): State<Arc<App>>,
    operator: Operator,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let LicenseRequest { digest, configuration, document } = read(&headers, body)?;
    if document.as_ref().is_some_and(|document| document.len() > MOST) {
        let message = "a licence document has at most 64 KiB";
        return Err(Problem::invalid_at("/document", "too-large", message));
    }
    let configuration = Value::Object(configuration);
    let order = Order { digest: digest_in(&digest)?, configuration, document };
    install_license(&app, operator.author(), order).await?;
    shown(&app).await
}

/// Remove the licence
///
/// Nothing is bounded any more.
#[utoipa::path(
    delete, path = "/license", tag = "Onboarding",
    responses((status = 204), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn remove(State(app): State<Arc<App>>, operator: Operator) -> Result<Response, Problem> {
    remove_license(&app, operator.author()).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

async fn shown(app: &App) -> Result<Response, Problem> {
    let Standing { installed, state, reason, entitlements, failing_since } =
        standing(app).await?.ok_or_else(Problem::not_found)?;
    let (counts, _) = app.store.directory().counts(None).await?;
    let limits = entitlements.as_ref().map(|granted| granted.limits).unwrap_or_default();
    let granted = entitlements.as_ref();
    let view = LicenseView {
        digest: hex::encode(installed.component),
        document: installed.document_hash.map(hex::encode),
        configuration: installed.configuration,
        installed_at: installed.installed_at,
        state: state.as_str(),
        reason,
        failing_since,
        id: granted.and_then(|granted| granted.id.clone()),
        licensee: granted.and_then(|granted| granted.licensee.clone()),
        not_before: granted.and_then(|granted| granted.not_before),
        expires: granted.and_then(|granted| granted.expires),
        grace_until: granted.and_then(|granted| granted.grace_until),
        features: granted.map(|granted| granted.features.clone()).unwrap_or_default(),
        limits: LimitsView {
            max_root_tenants: limits.max_root_tenants,
            max_total_tenants: limits.max_total_tenants,
            max_hierarchy_depth: limits.max_hierarchy_depth,
            subtenants_allowed: limits.subtenants_allowed,
        },
        quotas: entitlements.map(|granted| granted.quotas).unwrap_or_default(),
        used: UsedView { root_tenants: counts.roots, total_tenants: counts.total },
    };
    Ok(no_store(Json(view)))
}
