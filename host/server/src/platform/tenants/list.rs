//! `GET /tenants` and `GET /tenants/{id}/children`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use chancery_domain::TenantId;
use chancery_store::{By, TenantFilter};
use serde::Deserialize;

use super::{TenantView, describe, find};
use crate::app::App;
use crate::caller::Operator;
use crate::manage::{self, Page};
use crate::no_store;
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// Which tenants, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantQuery {
    /// From `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// 1 to 100; 50 if absent.
    #[serde(default = "manage::fifty")]
    limit: u16,
    /// A part of the slug or of the name.
    #[serde(default)]
    search: Option<String>,
}

/// List tenants, newest first
#[utoipa::path(
    get, path = "/tenants", tag = "Tenants", params(TenantQuery),
    responses((status = 200, body = Page<TenantView>)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _operator: Operator,
    query: Result<Query<TenantQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    page(&app, query, None).await
}

/// List the tenants directly below one
#[utoipa::path(
    get, path = "/tenants/{id}/children", tag = "Tenants",
    params(("id" = String, Path, description = "`tnt_…`"), TenantQuery),
    responses((status = 200, body = Page<TenantView>), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn children(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(id): Path<String>,
    query: Result<Query<TenantQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let parent = find(&app, &id).await?;
    page(&app, query, Some(parent.id)).await
}

/// A page of tenants, or of those directly below one.
pub(crate) async fn page(
    app: &App,
    query: Result<Query<TenantQuery>, QueryRejection>,
    parent: Option<TenantId>,
) -> Result<Response, Problem> {
    let Query(query) =
        query.map_err(|rejection| Problem::new(ProblemCode::Malformed).detail(rejection.body_text()))?;
    let page = manage::page(query.cursor.as_deref(), query.limit)?;
    // PostgreSQL has no text with NUL in it, and no name has any such character.
    if query.search.as_deref().is_some_and(|text| text.chars().any(char::is_control)) {
        return Err(Problem::new(ProblemCode::Malformed).detail("no name has what is searched for"));
    }
    let filter = TenantFilter { search: query.search.filter(|text| !text.is_empty()), parent };
    let mut tx = app.store.platform(By::Operator).await?;
    let (rows, next) = tx.tenants(&filter, &page).await?;
    tx.commit().await?;
    let data = describe(app, rows).await?;
    Ok(no_store(Json(Page { data, next_cursor: next.map(|id| id.to_string()) })))
}
