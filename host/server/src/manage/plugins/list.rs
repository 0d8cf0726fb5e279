//! `GET /plugins`, `GET /plugins/{digest}` its `metrics` and `logs`, for a tenant and for operators

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use chancery_domain::TenantId;
use serde::Deserialize;

use super::{PluginView, digest_of};
use crate::app::App;
use crate::caller::{Manager, Operator, SeesPlugins};
use crate::manage::Page;
use crate::no_store;
use crate::operations::plugins::Keeper;
use crate::operations::plugins::decisions::nobody;
use crate::problem::{Problem, ProblemCode, ProblemDocument};
use crate::tallies::{Line, Tally};

/// List plugins
///
/// The tenant's own and those of the deployment's catalogue, the newest first.
#[utoipa::path(
    get, path = "/plugins", tag = "Plugins", responses((status = 200, body = Page<PluginView>)),
    security(("api_key" = ["plugins:manage"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<SeesPlugins>,
) -> Result<Response, Problem> {
    list_all(&app, Keeper::Tenant(&manager.issuer.tenant)).await
}

/// List the catalogue
#[utoipa::path(
    get, path = "/plugins", tag = "Plugins", responses((status = 200, body = Page<PluginView>)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list_catalogue(
    State(app): State<Arc<App>>,
    _operator: Operator,
) -> Result<Response, Problem> {
    list_all(&app, Keeper::Deployment).await
}

async fn list_all(app: &App, keeper: Keeper<'_>) -> Result<Response, Problem> {
    let mut tx = keeper.open(app).await?;
    let versions = tx.plugins(None).await?;
    tx.commit().await?;
    let data = versions.into_iter().map(PluginView::in_list).collect();
    Ok(no_store(Json(Page { data, next_cursor: None })))
}

/// Show a plugin, with the report on it
#[utoipa::path(
    get, path = "/plugins/{digest}", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, body = PluginView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["plugins:manage"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<SeesPlugins>,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    show_one(&app, Keeper::Tenant(&manager.issuer.tenant), &digest).await
}

/// Show a plugin of the catalogue, with the report on it
#[utoipa::path(
    get, path = "/plugins/{digest}", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, body = PluginView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn show_of_catalogue(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    show_one(&app, Keeper::Deployment, &digest).await
}

async fn show_one(app: &App, keeper: Keeper<'_>, digest: &str) -> Result<Response, Problem> {
    let version = keeper.find(app, &digest_of(digest)?).await?;
    Ok(no_store(Json(PluginView::alone(version))))
}

/// Show what a plugin did
///
/// As far as the replica that answers saw, since it started.
#[utoipa::path(
    get, path = "/plugins/{digest}/metrics", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, body = Tally), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["plugins:manage"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn measure(
    State(app): State<Arc<App>>,
    manager: Manager<SeesPlugins>,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    let (tenant, digest) = (&manager.issuer.tenant, digest_of(&digest)?);
    Keeper::Tenant(tenant).find(&app, &digest).await?;
    Ok(no_store(Json(app.tallies.of((tenant.id, digest)))))
}

/// Show what a plugin of the catalogue did, at all tenants
///
/// As far as the replica that answers saw, since it started.
#[utoipa::path(
    get, path = "/plugins/{digest}/metrics", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, body = Tally), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn measure_everywhere(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    let digest = digest_of(&digest)?;
    Keeper::Deployment.find(&app, &digest).await?;
    Ok(no_store(Json(app.tallies.of_component(&digest))))
}

/// Which lines.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinesQuery {
    /// Only what came after the line of that number; to follow, ask with that of the last line.
    #[serde(default)]
    after: u64,
}

/// Show what a plugin said
///
/// Its latest lines at this tenant and why calls failed, as far as the replica that answers saw.
#[utoipa::path(
    get, path = "/plugins/{digest}/logs", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits"), LinesQuery),
    responses((status = 200, body = Page<Line>), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["plugins:manage"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn listen(
    State(app): State<Arc<App>>,
    manager: Manager<SeesPlugins>,
    Path(digest): Path<String>,
    query: Result<Query<LinesQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let tenant = &manager.issuer.tenant;
    lines(&app, (Keeper::Tenant(tenant), tenant.id), &digest, query).await
}

/// Show what a plugin of the catalogue said as a policy, or as what reads the licence
///
/// Its latest lines and why calls failed, as far as the replica that answers saw. What it said at a tenant is the tenant's.
#[utoipa::path(
    get, path = "/plugins/{digest}/logs", tag = "Plugins",
    params(("digest" = String, Path, description = "64 hexadecimal digits"), LinesQuery),
    responses((status = 200, body = Page<Line>), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn listen_to_deployments(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(digest): Path<String>,
    query: Result<Query<LinesQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    lines(&app, (Keeper::Deployment, nobody()), &digest, query).await
}

async fn lines(
    app: &App,
    (keeper, tenant): (Keeper<'_>, TenantId),
    digest: &str,
    query: Result<Query<LinesQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let digest = digest_of(digest)?;
    let malformed = |_| Problem::new(ProblemCode::Malformed).detail("`after` is the number of a line");
    let Query(LinesQuery { after }) = query.map_err(malformed)?;
    keeper.find(app, &digest).await?;
    let data = app.tallies.lines_of((tenant, digest), after);
    Ok(no_store(Json(Page { data, next_cursor: None })))
}
