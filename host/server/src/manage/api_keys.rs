//! API keys: shown once, kept as a hash.

pub(crate) mod change;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_credential::secrets::ApiKeySecret;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::scope::Scope;
use chancery_domain::{ApiKeyId, AuditEntry, random_bytes};
use chancery_store::{ApiKey, NewApiKey, StoreError, TenantTx};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;

use super::{NAME_RULE, Page, is_name, read};
use crate::app::App;
use crate::audit::record_access;
use crate::caller::{KeepsKeys, Manager, Oversees};
use crate::issuer::Issuer;
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// What a new key is to be.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyRequest {
    /// What the key is for; 1 to 100 characters.
    name: String,
    /// What it may do; at least one scope.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Scope>,
}

/// A key, without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ApiKeyView {
    /// `key_…`
    #[schema(value_type = String)]
    id: ApiKeyId,
    /// What the key is for.
    name: String,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Scope>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// Since when it opens nothing any more.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    revoked_at: Option<OffsetDateTime>,
}

/// A new key; the secret appears only here.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CreatedApiKey {
    #[serde(flatten)]
    view: ApiKeyView,
    /// `chk_…`
    key: String,
}

impl From<ApiKey> for ApiKeyView {
    fn from(row: ApiKey) -> Self {
        let ApiKey { id, name, scopes, created_at, revoked_at } = row;
        Self { id, name, scopes, created_at, revoked_at }
    }
}

impl CreatedApiKey {
    pub(crate) fn new(key: NewApiKey, secret: &ApiKeySecret) -> Self {
        let NewApiKey { id, name, scopes, created_at, .. } = key;
        let view = ApiKeyView { id, name, scopes, created_at, revoked_at: None };
        Self { view, key: secret.as_str().to_owned() }
    }
}

/// Make an API key
///
/// Nobody may grant a scope that they do not hold.
#[utoipa::path(
    post, path = "/api-keys", tag = "API keys", request_body = ApiKeyRequest,
    responses((status = 201, body = CreatedApiKey), (status = 403, body = ProblemDocument)),
    security(("api_key" = ["issuance:manage"]), ("api_key" = ["clients:manage"]))
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsKeys>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: ApiKeyRequest = read(&headers, body)?;
    let name = checked_name(request.name)?;
    if request.scopes.is_empty() {
        return Err(Problem::invalid_at("/scopes", "count", "a key without a scope could do nothing"));
    }
    // A key may offer everything.
    manager.check_holds(&request.scopes, None)?;
    let (key, secret) = create_api_key(&app, &manager.issuer, manager.author(), name, request.scopes).await?;
    Ok(no_store((StatusCode::CREATED, Json(CreatedApiKey::new(key, &secret)))))
}

pub(crate) fn checked_name(name: String) -> Result<String, Problem> {
    if is_name(&name) && name.chars().count() <= 100 {
        return Ok(name);
    }
    Err(Problem::invalid_at("/name", "length", NAME_RULE.replace("200", "100")))
}

/// Draws a key that is not stored yet.
pub(crate) fn new_api_key(app: &App, name: &str, mut scopes: Vec<Scope>) -> (NewApiKey, ApiKeySecret) {
    scopes.sort_unstable();
    scopes.dedup();
    let now = app.now();
    let secret = ApiKeySecret::random(app.random.as_ref());
    let id = ApiKeyId::new(now, random_bytes(app.random.as_ref()));
    (NewApiKey { id, hash: secret.hash(), name: name.to_owned(), scopes, created_at: now }, secret)
}

/// Makes a key; the API and `chancery dev` enter here.
pub(crate) async fn create_api_key(
    app: &App,
    issuer: &Issuer,
    author: Author,
    name: String,
    scopes: Vec<Scope>,
) -> Result<(NewApiKey, ApiKeySecret), StoreError> {
    let (key, secret) = new_api_key(app, &name, scopes);
    let mut tx = app.tenant(issuer).await?;
    tx.create_api_key(&key).await?;
    record_access(&mut tx, &key.scopes, &entry_of(app, author, &key)).await?;
    tx.commit().await?;
    Ok((key, secret))
}

/// What the audit trail is told of a new key.
pub(crate) fn entry_of(app: &App, author: Author, key: &NewApiKey) -> AuditEntry {
    let made = Changed::made(json!({ "name": key.name, "scopes": key.scopes }));
    let is_operators = key.scopes.contains(&Scope::PlatformAdmin);
    let action = if is_operators { Action::OperatorAdmitted } else { Action::ApiKeyCreated };
    app.entry(author, action, key.id, &made)
}

/// List API keys
#[utoipa::path(
    get, path = "/api-keys", tag = "API keys",
    responses((status = 200, body = Page<ApiKeyView>)),
    security(("api_key" = ["clients:manage"]), ("api_key" = ["auditor"]), ("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Oversees>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let rows = tx.api_keys().await?;
    tx.commit().await?;
    Ok(no_store(Json(Page { data: rows.into_iter().map(ApiKeyView::from).collect(), next_cursor: None })))
}

/// Show an API key
#[utoipa::path(
    get, path = "/api-keys/{id}", tag = "API keys", params(("id" = String, Path, description = "`key_…`")),
    responses((status = 200, body = ApiKeyView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["clients:manage"]), ("api_key" = ["auditor"]), ("api_key" = ["platform-admin"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<Oversees>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let key = find(&mut tx, &id).await?;
    tx.commit().await?;
    Ok(no_store(Json(ApiKeyView::from(key))))
}

/// The key of that id; for a malformed one as for one that nobody has.
async fn find(tx: &mut TenantTx, id: &str) -> Result<ApiKey, Problem> {
    let id: ApiKeyId = id.parse().map_err(|_| Problem::not_found())?;
    tx.api_key_by_id(id).await?.ok_or_else(Problem::not_found)
}
