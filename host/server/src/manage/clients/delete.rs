//! `DELETE /clients/{id}`

use chancery_domain::audit::{Action, Changed};
use serde_json::Value;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::{parse, to_change, told};
use crate::app::App;
use crate::audit::record_access;
use crate::caller::{KeepsClients, Manager};
use crate::manage::versions::check_version;
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// Remove a client
///
/// Its tokens are worth nothing at once.
#[utoipa::path(
    delete, path = "/clients/{id}", tag = "Clients", params(("id" = String, Path, description = "`cli_…`")),
    responses((status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["clients:manage"]), ("api_key" = ["platform-admin"]))
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsClients>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let client = to_change(&mut tx, &manager, id).await?;
    check_version(&headers, client.version)?;
    tx.delete_client(id).await?;
    let changed = Changed { before: told(&client.terms), after: Value::Null };
    let entry = app.entry(manager.author(), Action::ClientRemoved, id, &changed);
    record_access(&mut tx, &client.terms.scopes, &entry).await?;
    tx.commit().await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}
