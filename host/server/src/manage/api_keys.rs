//! API keys: shown once, kept as a hash.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_credential::secrets::ApiKeySecret;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::scope::Scope;
use chancery_domain::{ApiKeyId, AuditEntry, random_bytes};
use chancery_store::{ApiKey, NewApiKey, StoreError};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;

use super::{Page, read};
use crate::app::App;
use crate::caller::{Manager, Manages, Oversees};
use crate::issuer::Issuer;
use crate::no_store;
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// What a new key is to be.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyRequest {
    /// What the key is for; 1 to 100 characters.
    name: String,
    /// At least one of `issuance:offer`, `issuance:manage`, `auditor`.
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
        Self { id: row.id, name: row.name, scopes: row.scopes, created_at: row.created_at }
    }
}

/// Make an API key
///
/// Nobody may grant a scope that they do not hold.
#[utoipa::path(
    post, path = "/api-keys", tag = "API keys", request_body = ApiKeyRequest,
    responses((status = 201, body = CreatedApiKey), (status = 403, body = ProblemDocument)),
    security(("api_key" = ["issuance:manage"]))
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    manager: Manager<Manages>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: ApiKeyRequest = read(&headers, body)?;
    if !(1..=100).contains(&request.name.chars().count()) {
        return Err(Problem::invalid_at("/name", "length", "a name has 1 to 100 characters"));
    }
    if request.scopes.is_empty() {
        return Err(Problem::invalid_at("/scopes", "count", "a key without a scope could do nothing"));
    }
    if let Some(scope) = request.scopes.iter().find(|scope| !may_grant(&manager.scopes, **scope)) {
        let detail = format!("you do not hold the scope {} yourself", scope.as_str());
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail));
    }
    let (key, secret) =
        create_api_key(&app, &manager.issuer, manager.author(), request.name, request.scopes).await?;
    let view = ApiKeyView { id: key.id, name: key.name, scopes: key.scopes, created_at: key.created_at };
    let created = CreatedApiKey { view, key: secret.as_str().to_owned() };
    Ok(no_store((StatusCode::CREATED, Json(created))))
}

/// Nobody may grant what they do not hold.
fn may_grant(held: &[Scope], scope: Scope) -> bool {
    held.iter().any(|held| held.covers(scope))
}

/// Makes a key; the API and `chancery dev` enter here.
pub(crate) async fn create_api_key(
    app: &App,
    issuer: &Issuer,
    author: Author,
    name: String,
    mut scopes: Vec<Scope>,
) -> Result<(NewApiKey, ApiKeySecret), StoreError> {
    scopes.sort_unstable();
    scopes.dedup();
    let now = app.now();
    let secret = ApiKeySecret::random(app.random.as_ref());
    let id = ApiKeyId::new(now, random_bytes(app.random.as_ref()));
    let key = NewApiKey { id, hash: secret.hash(), name, scopes, created_at: now };
    let mut tx = app.tenant(issuer).await?;
    tx.create_api_key(&key).await?;
    tx.record(&entry_of(app, author, &key)).await?;
    tx.commit().await?;
    Ok((key, secret))
}

/// What the audit trail is told of a new key.
pub(crate) fn entry_of(app: &App, author: Author, key: &NewApiKey) -> AuditEntry {
    let made = Changed::made(json!({ "name": key.name, "scopes": key.scopes }));
    app.entry(author, Action::ApiKeyCreated, key.id, &made)
}

/// List API keys
#[utoipa::path(
    get, path = "/api-keys", tag = "API keys",
    responses((status = 200, body = Page<ApiKeyView>)),
    security(("api_key" = ["issuance:manage"]))
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
