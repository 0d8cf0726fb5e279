//! `GET /tenants/{id}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::{TenantView, answer, find};
use crate::app::App;
use crate::caller::Operator;
use crate::problem::{Problem, ProblemDocument};

/// Show a tenant
#[utoipa::path(
    get, path = "/tenants/{id}", tag = "Tenants", params(("id" = String, Path, description = "`tnt_…`")),
    responses((status = 200, body = TenantView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    answer(&app, find(&app, &id).await?).await
}
