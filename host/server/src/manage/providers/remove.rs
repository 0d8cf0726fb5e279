//! `DELETE /providers/{name}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::audit::{Action, Changed};
use http::StatusCode;
use serde_json::Value;

use super::told;
use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// Remove an OpenID Provider
///
/// Whoever is on the way there, is not signed in any more. What was issued stays.
#[utoipa::path(
    delete, path = "/providers/{name}", tag = "Providers",
    params(("name" = String, Path, description = "The name of the provider")),
    responses((status = 204), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let Some(removed) = tx.remove_provider(&name).await? else {
        tx.rollback().await?;
        return Err(Problem::not_found());
    };
    let changed = Changed { before: told(&removed), after: Value::Null };
    tx.record(&app.entry(manager.author(), Action::ProviderRemoved, removed.name, &changed)).await?;
    tx.commit().await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}
