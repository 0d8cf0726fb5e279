//! `DELETE /sessions/{id}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use crate::app::App;
use crate::caller::{Manager, Manages};
use crate::no_store;
use crate::operations::forget_sessions::forget_session;
use crate::problem::{Problem, ProblemDocument};

/// Forget a session that is over, before its time
///
/// What was issued stays and can be revoked.
#[utoipa::path(
    delete, path = "/sessions/{id}", tag = "Sessions", params(("id" = String, Path, description = "`ofr_…`")),
    responses(
        (status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["issuance:manage"]))
)]
pub(crate) async fn forget(
    State(app): State<Arc<App>>,
    manager: Manager<Manages>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    forget_session(&app, manager.author(), &manager.issuer, id).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}
