//! `/policies`: which plugins decide on registrations.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_store::{By, InstalledPolicy};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::app::App;
use crate::caller::Operator;
use crate::manage::{Page, read};
use crate::no_store;
use crate::operations::onboarding::{Order, install_policy, remove_policy};
use crate::problem::{Problem, ProblemDocument};

/// Which plugin is to decide.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyRequest {
    /// Of a plugin of the catalogue: 64 hexadecimal digits.
    digest: String,
    /// The plugin's configuration, by the schema that it publishes; empty if absent.
    #[serde(default)]
    #[schema(value_type = Object)]
    configuration: Map<String, Value>,
}

/// A plugin that decides.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PolicyView {
    /// As it was installed.
    name: String,
    /// The plugin's digest.
    digest: String,
    /// Of the plugin.
    #[schema(value_type = Object)]
    configuration: Value,
    #[serde(with = "time::serde::rfc3339")]
    installed_at: OffsetDateTime,
}

impl From<InstalledPolicy> for PolicyView {
    fn from(policy: InstalledPolicy) -> Self {
        let InstalledPolicy { name, component, configuration, installed_at } = policy;
        Self { name, digest: hex::encode(component), configuration, installed_at }
    }
}

/// A digest in a request.
pub(super) fn digest_in(text: &str) -> Result<[u8; 32], Problem> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest)
        .map_err(|_| Problem::invalid_at("/digest", "digest", "a digest has 64 hexadecimal digits"))?;
    Ok(digest)
}

/// List policies, by name
#[utoipa::path(
    get, path = "/policies", tag = "Onboarding", responses((status = 200, body = Page<PolicyView>)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _operator: Operator) -> Result<Response, Problem> {
    let data = all(&app).await?.into_iter().map(PolicyView::from).collect();
    Ok(no_store(Json(Page { data, next_cursor: None })))
}

/// Show a policy
#[utoipa::path(
    get, path = "/policies/{name}", tag = "Onboarding",
    params(("name" = String, Path, description = "As it was installed")),
    responses((status = 200, body = PolicyView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let found = all(&app).await?.into_iter().find(|policy| policy.name == name);
    Ok(no_store(Json(PolicyView::from(found.ok_or_else(Problem::not_found)?))))
}

/// Install a policy
///
/// It is asked at every registration from now on, beside the others: the strictest decision holds. Where it does not
/// answer, the registration waits for an approval.
#[utoipa::path(
    put, path = "/policies/{name}", tag = "Onboarding", request_body = PolicyRequest,
    params(("name" = String, Path, description = "Lower-case letters, digits and hyphens, at most 63")),
    responses(
        (status = 200, body = PolicyView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn install(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let PolicyRequest { digest, configuration } = read(&headers, body)?;
    check_name(&name)?;
    let order = Order { name, digest: digest_in(&digest)?, configuration: Value::Object(configuration) };
    let installed = install_policy(&app, operator.author(), order).await?;
    Ok(no_store(Json(PolicyView::from(installed))))
}

/// Remove a policy
#[utoipa::path(
    delete, path = "/policies/{name}", tag = "Onboarding",
    params(("name" = String, Path, description = "As it was installed")),
    responses((status = 204), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    // PostgreSQL has no text with NUL in it; no policy has such a name.
    check_name(&name).map_err(|_| Problem::not_found())?;
    remove_policy(&app, operator.author(), &name).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

fn check_name(name: &str) -> Result<(), Problem> {
    let is_in = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.len() <= 63 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_in) {
        return Ok(());
    }
    let message = "a policy's name is up to 63 lower-case letters, digits and hyphens, a letter first";
    Err(Problem::invalid_at("", "name", message))
}

async fn all(app: &App) -> Result<Vec<InstalledPolicy>, Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    let policies = tx.policies().await?;
    tx.commit().await?;
    Ok(policies)
}
