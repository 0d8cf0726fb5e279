//! `POST /plugins/{digest}/approve` and `DELETE /plugins/{digest}`, for a tenant and for operators; for them alone
//! `quarantine` and `release`, and approving what waits on a tenant's shelf.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{PluginView, digest_of};
use crate::app::App;
use crate::caller::{KeepsPlugins, Manager, Operator};
use crate::manage::{NAME_RULE, is_name, read};
use crate::no_store;
use crate::operations::plugins::Keeper;
use crate::operations::plugins::approve::approve_plugin;
use crate::operations::plugins::discard::discard_plugin;
use crate::operations::plugins::quarantine::{quarantine_plugin, release_plugin};
use crate::platform::tenants::find_alive;
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// Approve a plugin
///
/// Where a second person has to look first: nobody approves what they uploaded.
#[utoipa::path(
    post, path = "/plugins/{digest}/approve", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses(
        (status = 200, body = PluginView), (status = 403, body = ProblemDocument),
        (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["plugins:manage"]))
)]
pub(crate) async fn approve(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsPlugins>,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    let digest = digest_of(&digest)?;
    if app.tenants.workshop.saas && manager.issuer.settings.tenant_plugins != "accepted" {
        let detail = "an operator of this platform approves what its tenants bring";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail));
    }
    let keeper = Keeper::Tenant(&manager.issuer.tenant);
    let version = approve_plugin(&app, manager.author(), keeper, &digest).await?;
    Ok(no_store(Json(PluginView::alone(version))))
}

/// Approve a plugin of the catalogue
#[utoipa::path(
    post, path = "/plugins/{digest}/approve", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses(
        (status = 200, body = PluginView), (status = 403, body = ProblemDocument),
        (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn approve_for_catalogue(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    let version = approve_plugin(&app, operator.author(), Keeper::Deployment, &digest_of(&digest)?).await?;
    Ok(no_store(Json(PluginView::alone(version))))
}

/// Approve a plugin that a tenant uploaded
#[utoipa::path(
    post, path = "/tenants/{id}/plugins/{digest}/approve", tag = "Plugins",
    params(
        ("id" = String, Path, description = "`tnt_…`"),
        ("digest" = String, Path, description = "64 hexadecimal digits"),
    ),
    responses(
        (status = 200, body = PluginView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn approve_for_tenant(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((id, digest)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let tenant = find_alive(&app, &id).await?;
    let version =
        approve_plugin(&app, operator.author(), Keeper::Tenant(&tenant), &digest_of(&digest)?).await?;
    Ok(no_store(Json(PluginView::alone(version))))
}

/// Discard a plugin
///
/// Only what is not active. What credentials or offers were made with stays readable for them.
#[utoipa::path(
    delete, path = "/plugins/{digest}", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses(
        (status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["plugins:manage"]))
)]
pub(crate) async fn discard(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsPlugins>,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    let keeper = Keeper::Tenant(&manager.issuer.tenant);
    discard_plugin(&app, manager.author(), keeper, &digest_of(&digest)?).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

/// Discard a plugin of the catalogue
///
/// Only what is not active for all. A tenant that activated it itself keeps it.
#[utoipa::path(
    delete, path = "/plugins/{digest}", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses(
        (status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn discard_from_catalogue(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    discard_plugin(&app, operator.author(), Keeper::Deployment, &digest_of(&digest)?).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

/// Why a plugin is forbidden.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuarantineRequest {
    /// 1 to 200 characters.
    reason: String,
}

/// Quarantine a plugin
///
/// In force at once, for everybody, whoever uploaded or activated it: nothing is signed that it made.
#[utoipa::path(
    post, path = "/plugins/{digest}/quarantine", tag = "Plugins", request_body = QuarantineRequest,
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses(
        (status = 204), (status = 404, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn quarantine(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(digest): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let reason = reason_in(&headers, body)?;
    quarantine_plugin(&app, operator.author(), None, &digest_of(&digest)?, &reason).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

/// Quarantine a plugin of a self-hosted issuer
///
/// In force at once: nothing is signed that it made.
#[utoipa::path(
    post, path = "/plugins/{digest}/quarantine", tag = "Plugins", request_body = QuarantineRequest,
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses(
        (status = 204), (status = 404, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["plugins:manage"]))
)]
pub(crate) async fn quarantine_of_own(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsPlugins>,
    Path(digest): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let reason = reason_in(&headers, body)?;
    let tenant = Some(manager.issuer.tenant.id);
    quarantine_plugin(&app, manager.author(), tenant, &digest_of(&digest)?, &reason).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

fn reason_in(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<String, Problem> {
    let QuarantineRequest { reason } = read(headers, body)?;
    if is_name(&reason) {
        return Ok(reason);
    }
    Err(Problem::invalid_at("/reason", "length", NAME_RULE.replace("a name", "a reason")))
}

/// Release a plugin from quarantine
#[utoipa::path(
    post, path = "/plugins/{digest}/release", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 204), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn release(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    release_plugin(&app, operator.author(), None, &digest_of(&digest)?).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

/// Release a plugin of a self-hosted issuer from quarantine
#[utoipa::path(
    post, path = "/plugins/{digest}/release", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 204), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["plugins:manage"]))
)]
pub(crate) async fn release_of_own(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsPlugins>,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    let tenant = Some(manager.issuer.tenant.id);
    release_plugin(&app, manager.author(), tenant, &digest_of(&digest)?).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}
