//! `GET /clients`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use chancery_domain::ClientId;

use super::ClientView;
use crate::app::App;
use crate::caller::{Manager, Oversees};
use crate::manage::{Page, PageQuery};
use crate::no_store;
use crate::problem::{Problem, ProblemCode};

/// List clients, newest first
#[utoipa::path(
    get, path = "/clients", tag = "Clients", params(PageQuery),
    responses((status = 200, body = Page<ClientView>)),
    security(("api_key" = ["clients:manage"]), ("api_key" = ["auditor"]), ("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Oversees>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) =
        query.map_err(|rejection| Problem::new(ProblemCode::Malformed).detail(rejection.body_text()))?;
    let page = query.page::<ClientId>()?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let (rows, next) = tx.clients(&page).await?;
    tx.commit().await?;
    let data = rows.into_iter().map(|client| ClientView::new(client.id, client.terms)).collect();
    Ok(no_store(Json(Page::<ClientView> { data, next_cursor: next.map(|id| id.to_string()) })))
}
