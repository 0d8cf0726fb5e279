//! `GET /deferrals/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;

use super::DeferralView;
use crate::app::App;
use crate::caller::{Manager, Reads};
use crate::no_store;
use crate::operations::decide_deferral::find_deferral;
use crate::problem::{Problem, ProblemDocument};

/// Show a deferral
#[utoipa::path(
    get, path = "/deferrals/{id}", tag = "Deferrals", params(("id" = String, Path, description = "`dfr_…`")),
    responses((status = 200, body = DeferralView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["issuance:offer"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<Reads>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let deferral = find_deferral(&app, &manager.issuer, id).await?;
    Ok(no_store(Json(DeferralView::from(deferral))))
}
