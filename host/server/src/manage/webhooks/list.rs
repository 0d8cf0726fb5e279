//! `GET /webhooks` and `GET /webhooks/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;

use super::{WebhookView, answer, parse};
use crate::app::App;
use crate::caller::{Inspects, Manager};
use crate::manage::Page;
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// List webhooks, newest first
#[utoipa::path(
    get, path = "/webhooks", tag = "Webhooks", responses((status = 200, body = Page<WebhookView>)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let rows = tx.webhooks().await?;
    tx.commit().await?;
    let data = rows.into_iter().map(WebhookView::from).collect();
    Ok(no_store(Json(Page { data, next_cursor: None })))
}

/// Show a webhook
#[utoipa::path(
    get, path = "/webhooks/{id}", tag = "Webhooks", params(("id" = String, Path, description = "`whk_…`")),
    responses((status = 200, body = WebhookView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let webhook = tx.webhook(id).await?;
    tx.commit().await?;
    webhook.map(answer).ok_or_else(Problem::not_found)
}
