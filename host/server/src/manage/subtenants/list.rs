//! `GET /subtenants` and `GET /subtenants/{id}`

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;

use super::child;
use crate::app::App;
use crate::caller::{Inspects, Manager};
use crate::manage::Page;
use crate::platform::tenants::list::{TenantQuery, page};
use crate::platform::tenants::{TenantView, answer};
use crate::problem::{Problem, ProblemDocument};

/// List the tenants directly below this one, newest first
#[utoipa::path(
    get, path = "/subtenants", tag = "Subtenants", params(TenantQuery),
    responses((status = 200, body = Page<TenantView>)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
    query: Result<Query<TenantQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    page(&app, query, Some(manager.issuer.tenant())).await
}

/// Show a tenant below this one
#[utoipa::path(
    get, path = "/subtenants/{id}", tag = "Subtenants",
    params(("id" = String, Path, description = "`tnt_…`")),
    responses((status = 200, body = TenantView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    answer(&app, child(&app, &manager.issuer, &id).await?).await
}
