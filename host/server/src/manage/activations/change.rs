//! `POST /activations/{configuration_id}/rollback` and `DELETE /activations/{configuration_id}`, for a tenant and for
//! operators

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::audit::Author;
use http::StatusCode;

use super::ActivationView;
use crate::app::App;
use crate::caller::{KeepsPlugins, Manager, Operator};
use crate::manage::Page;
use crate::no_store;
use crate::operations::plugins::Keeper;
use crate::operations::plugins::deactivate::deactivate_plugin;
use crate::operations::plugins::roll_back::{Step, roll_back_activation};
use crate::platform::tenants::find_alive;
use crate::problem::{Problem, ProblemDocument};

/// Roll back
///
/// Undoes the last step: ends a trial or, without one, goes back to what was active before. Answers what is in
/// force under the id then.
#[utoipa::path(
    post, path = "/activations/{configuration_id}/rollback", tag = "Plugins",
    params(("configuration_id" = String, Path, description = "Of the credential type, without a format")),
    responses(
        (status = 200, body = Page<ActivationView>), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["plugins:manage"]))
)]
pub(crate) async fn roll_back(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsPlugins>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    go_back(&app, manager.author(), Keeper::Tenant(&manager.issuer.tenant), &id).await
}

/// Roll back for all
#[utoipa::path(
    post, path = "/activations/{configuration_id}/rollback", tag = "Plugins",
    params(("configuration_id" = String, Path, description = "Of the credential type, without a format")),
    responses(
        (status = 200, body = Page<ActivationView>), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn roll_back_for_all(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    go_back(&app, operator.author(), Keeper::Deployment, &id).await
}

/// Roll back for a tenant
#[utoipa::path(
    post, path = "/tenants/{id}/activations/{configuration_id}/rollback", tag = "Plugins",
    params(
        ("id" = String, Path, description = "`tnt_…`"),
        ("configuration_id" = String, Path, description = "Of the credential type, without a format"),
    ),
    responses(
        (status = 200, body = Page<ActivationView>), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn roll_back_for_tenant(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let tenant = find_alive(&app, &tenant).await?;
    go_back(&app, operator.author(), Keeper::Tenant(&tenant), &id).await
}

async fn go_back(app: &App, author: Author, keeper: Keeper<'_>, id: &str) -> Result<Response, Problem> {
    roll_back_activation(app, author, keeper, id, Step::Last).await?;
    let in_force = keeper.activations(app).await?.into_iter();
    let data =
        in_force.filter(|one| one.activation.configuration_id == id).map(ActivationView::from).collect();
    Ok(no_store(Json(Page { data, next_cursor: None })))
}

/// Deactivate
///
/// Nothing new is offered under that id. Credentials stay good, and what was offered is still issued.
#[utoipa::path(
    delete, path = "/activations/{configuration_id}", tag = "Plugins",
    params(("configuration_id" = String, Path, description = "Of the credential type, without a format")),
    responses((status = 204), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["plugins:manage"]))
)]
pub(crate) async fn deactivate(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsPlugins>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    deactivate_plugin(&app, manager.author(), Keeper::Tenant(&manager.issuer.tenant), &id).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

/// Deactivate for all
///
/// A tenant that activated something itself keeps it.
#[utoipa::path(
    delete, path = "/activations/{configuration_id}", tag = "Plugins",
    params(("configuration_id" = String, Path, description = "Of the credential type, without a format")),
    responses((status = 204), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn deactivate_for_all(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    deactivate_plugin(&app, operator.author(), Keeper::Deployment, &id).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}
