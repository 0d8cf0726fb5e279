//! `GET /domains` and `GET /domains/{domain}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;

use super::DomainView;
use crate::app::App;
use crate::caller::{Inspects, Manager};
use crate::manage::Page;
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// List domains
#[utoipa::path(
    get, path = "/domains", tag = "Domains", responses((status = 200, body = Page<DomainView>)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let rows = tx.domains().await?;
    tx.commit().await?;
    Ok(no_store(Json(Page { data: rows.into_iter().map(DomainView::from).collect(), next_cursor: None })))
}

/// Show a domain
#[utoipa::path(
    get, path = "/domains/{domain}", tag = "Domains", params(("domain" = String, Path, description = "The name")),
    responses((status = 200, body = DomainView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let rows = tx.domains().await?;
    tx.commit().await?;
    let row = rows.into_iter().find(|row| row.domain == name).ok_or_else(Problem::not_found)?;
    Ok(no_store(Json(DomainView::from(row))))
}
