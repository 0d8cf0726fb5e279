//! `GET /clients/{id}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::{ClientView, answer, parse};
use crate::app::App;
use crate::caller::{Manager, Oversees};
use crate::problem::{Problem, ProblemDocument};

/// Show a client
#[utoipa::path(
    get, path = "/clients/{id}", tag = "Clients", params(("id" = String, Path, description = "`cli_…`")),
    responses((status = 200, body = ClientView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["clients:manage"]), ("api_key" = ["auditor"]), ("api_key" = ["platform-admin"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<Oversees>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let client = tx.client(id).await?;
    tx.commit().await?;
    client.map(answer).ok_or_else(Problem::not_found)
}
