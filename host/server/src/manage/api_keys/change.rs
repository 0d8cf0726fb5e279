//! `PATCH /api-keys/{id}` and `DELETE /api-keys/{id}`

use chancery_domain::audit::{Action, Author, Changed};
use serde_json::json;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::scope::Scope;
use chancery_store::{ApiKey, TenantTx};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{ApiKeyView, checked_name, find};
use crate::app::App;
use crate::audit::record_access;
use crate::caller::{KeepsKeys, Manager};
use crate::manage::{present, read};
use crate::no_store;
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// What of a key changes (RFC 7396). What it may do never does.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyPatch {
    /// What the key is for; 1 to 100 characters.
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
}

/// Rename an API key
#[utoipa::path(
    patch, path = "/api-keys/{id}", tag = "API keys", request_body = ApiKeyPatch,
    params(("id" = String, Path, description = "`key_…`")),
    responses(
        (status = 200, body = ApiKeyView), (status = 403, body = ProblemDocument),
        (status = 404, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["issuance:manage"]), ("api_key" = ["clients:manage"]))
)]
pub(crate) async fn rename(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsKeys>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let mut key = held(&mut tx, &manager, &id).await?;
    let patch: ApiKeyPatch = read(&headers, body)?;
    // What changes nothing is not told.
    if let Some(name) = patch.name.filter(|name| *name != key.name) {
        let before = std::mem::replace(&mut key.name, checked_name(name)?);
        tx.rename_api_key(key.id, &key.name).await?;
        let changed = Changed { before: json!({ "name": before }), after: json!({ "name": key.name }) };
        let entry = app.entry(manager.author(), Action::ApiKeyRenamed, key.id, &changed);
        record_access(&mut tx, &key.scopes, &entry).await?;
    }
    tx.commit().await?;
    Ok(no_store(Json(ApiKeyView::from(key))))
}

/// Revoke an API key, for ever
///
/// It opens nothing from then on, at no replica. Revoking twice is no error.
#[utoipa::path(
    delete, path = "/api-keys/{id}", tag = "API keys", params(("id" = String, Path, description = "`key_…`")),
    responses(
        (status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["issuance:manage"]), ("api_key" = ["clients:manage"]))
)]
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsKeys>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let key = held(&mut tx, &manager, &id).await?;
    if key.revoked_at.is_none() {
        end(&app, manager.author(), &mut tx, &key).await?;
    }
    tx.commit().await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

/// Ends a key, unless the deployment would be left without an operator.
pub(crate) async fn end(app: &App, author: Author, tx: &mut TenantTx, key: &ApiKey) -> Result<(), Problem> {
    if tx.revoke_api_key(key.id, app.now()).await? {
        let changed = Changed { before: json!({}), after: serde_json::Value::Null };
        let is_operators = key.scopes.contains(&Scope::PlatformAdmin);
        let action = if is_operators { Action::OperatorDismissed } else { Action::ApiKeyRevoked };
        record_access(tx, &key.scopes, &app.entry(author, action, key.id, &changed)).await?;
        return Ok(());
    }
    Err(Problem::new(ProblemCode::WrongState)
        .detail("this is the key of the last operator; make another one first"))
}

/// The key, for a caller who holds all that it has.
async fn held(tx: &mut TenantTx, manager: &Manager<KeepsKeys>, id: &str) -> Result<ApiKey, Problem> {
    let key = find(tx, id).await?;
    manager.check_holds(&key.scopes, None)?;
    Ok(key)
}
