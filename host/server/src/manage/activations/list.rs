//! `GET /activations`, for a tenant and for operators

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;

use super::ActivationView;
use crate::app::App;
use crate::caller::{Manager, Operator, SeesPlugins};
use crate::manage::Page;
use crate::no_store;
use crate::operations::plugins::Keeper;
use crate::platform::tenants::find;
use crate::problem::{Problem, ProblemDocument};

/// List what is active
///
/// The tenant's own decisions and, under every other configuration id, the deployment's.
#[utoipa::path(
    get, path = "/activations", tag = "Plugins", responses((status = 200, body = Page<ActivationView>)),
    security(("api_key" = ["plugins:manage"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<SeesPlugins>,
) -> Result<Response, Problem> {
    shown(&app, Keeper::Tenant(&manager.issuer.tenant)).await
}

/// List what is active for all
#[utoipa::path(
    get, path = "/activations", tag = "Plugins", responses((status = 200, body = Page<ActivationView>)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list_for_all(
    State(app): State<Arc<App>>,
    _operator: Operator,
) -> Result<Response, Problem> {
    shown(&app, Keeper::Deployment).await
}

/// List what is active for a tenant
#[utoipa::path(
    get, path = "/tenants/{id}/activations", tag = "Plugins",
    params(("id" = String, Path, description = "`tnt_…`")),
    responses((status = 200, body = Page<ActivationView>), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list_of_tenant(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let tenant = find(&app, &id).await?;
    shown(&app, Keeper::Tenant(&tenant)).await
}

async fn shown(app: &App, keeper: Keeper<'_>) -> Result<Response, Problem> {
    let in_force = keeper.activations(app).await?;
    let data = in_force.into_iter().map(ActivationView::from).collect();
    Ok(no_store(Json(Page { data, next_cursor: None })))
}
