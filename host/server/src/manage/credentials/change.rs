//! `POST /credentials/{id}/revoke`, `…/suspend`, `…/reinstate`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::StatusChange;

use super::CredentialView;
use crate::app::App;
use crate::caller::{Manager, Manages};
use crate::no_store;
use crate::operations::change_status::change_status;
use crate::problem::{Problem, ProblemDocument};

/// Revoke a credential, for ever
#[utoipa::path(
    post, path = "/credentials/{id}/revoke", tag = "Credentials", params(("id" = String, Path, description = "`crd_…`")),
    responses((status = 200, body = CredentialView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["issuance:manage"]))
)]
pub(crate) async fn revoke(
    app: State<Arc<App>>,
    manager: Manager<Manages>,
    id: Path<String>,
) -> Result<Response, Problem> {
    change(app, manager, id, StatusChange::Revoke).await
}

/// Suspend a credential until further notice
#[utoipa::path(
    post, path = "/credentials/{id}/suspend", tag = "Credentials", params(("id" = String, Path, description = "`crd_…`")),
    responses((status = 200, body = CredentialView), (status = 409, body = ProblemDocument)),
    security(("api_key" = ["issuance:manage"]))
)]
pub(crate) async fn suspend(
    app: State<Arc<App>>,
    manager: Manager<Manages>,
    id: Path<String>,
) -> Result<Response, Problem> {
    change(app, manager, id, StatusChange::Suspend).await
}

/// Make a suspended credential valid again
#[utoipa::path(
    post, path = "/credentials/{id}/reinstate", tag = "Credentials", params(("id" = String, Path, description = "`crd_…`")),
    responses((status = 200, body = CredentialView), (status = 409, body = ProblemDocument)),
    security(("api_key" = ["issuance:manage"]))
)]
pub(crate) async fn reinstate(
    app: State<Arc<App>>,
    manager: Manager<Manages>,
    id: Path<String>,
) -> Result<Response, Problem> {
    change(app, manager, id, StatusChange::Reinstate).await
}

async fn change(
    State(app): State<Arc<App>>,
    manager: Manager<Manages>,
    Path(id): Path<String>,
    change: StatusChange,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let row = change_status(&app, &manager.issuer, manager.author(), id, change).await?;
    Ok(no_store(Json(CredentialView::from(row))))
}
