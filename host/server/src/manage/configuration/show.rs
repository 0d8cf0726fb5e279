//! `GET /configuration` and `GET /configuration/{principal}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::{ConfigurationView, of_tenant, principal};
use crate::app::App;
use crate::caller::{Inspects, Manager};
use crate::problem::{Problem, ProblemDocument};

/// Show the tenant's configuration
#[utoipa::path(
    get, path = "/configuration", tag = "Configuration",
    responses((status = 200, body = ConfigurationView)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let all = tx.configurations().await?;
    tx.commit().await?;
    Ok(of_tenant(&all, None))
}

/// Show the configuration of one API key or client
#[utoipa::path(
    get, path = "/configuration/{principal}", tag = "Configuration",
    params(("principal" = String, Path, description = "`key_…` or `cli_…`")),
    responses((status = 200, body = ConfigurationView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn show_of_principal(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let principal = principal(&mut tx, &id).await?;
    let all = tx.configurations().await?;
    tx.commit().await?;
    Ok(of_tenant(&all, Some(principal)))
}
