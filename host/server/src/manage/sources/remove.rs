//! `DELETE /sources/{configuration_id}/{name}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::audit::{Action, Changed};
use http::StatusCode;
use serde_json::Value;

use super::{target, told};
use crate::app::App;
use crate::caller::{KeepsPlugins, Manager};
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// Remove a source
///
/// What its template would look up there is not issued any more.
#[utoipa::path(
    delete, path = "/sources/{configuration_id}/{name}", tag = "Sources",
    params(
        ("configuration_id" = String, Path, description = "The credential configuration"),
        ("name" = String, Path, description = "The name by which its template asks"),
    ),
    responses((status = 204), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["plugins:manage"]))
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsPlugins>,
    Path((configuration_id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let Some(url) = tx.remove_source(&configuration_id, &name).await? else {
        tx.rollback().await?;
        return Err(Problem::not_found());
    };
    let changed = Changed { before: told(&url, None), after: Value::Null };
    let entry =
        app.entry(manager.author(), Action::SourceRemoved, target(&configuration_id, &name), &changed);
    tx.record(&entry).await?;
    tx.commit().await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}
