//! `GET /credentials/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::CredentialId;

use super::CredentialView;
use crate::app::App;
use crate::caller::{Manager, Reads};
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// Show an issued credential
#[utoipa::path(
    get, path = "/credentials/{id}", tag = "Credentials", params(("id" = String, Path, description = "`crd_…`")),
    responses((status = 200, body = CredentialView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["issuance:offer"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<Reads>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: CredentialId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let row = tx.credential(id).await?;
    tx.commit().await?;
    Ok(no_store(Json(CredentialView::from(row.ok_or_else(Problem::not_found)?))))
}
