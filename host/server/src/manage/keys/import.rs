//! `POST /keys/import`, and `POST /tenants/{id}/keys/import` for operators

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_credential::keys::{ImportRefused, PrivateKey};
use chancery_domain::TenantId;
use chancery_domain::audit::Author;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::KeyView;
use super::rotate::ahead;
use crate::app::App;
use crate::caller::{Manager, Operator, RotatesKeys};
use crate::manage::read;
use crate::no_store;
use crate::operations::import_key::{import_key, refused};
use crate::platform::tenants::find_alive;
use crate::problem::{Problem, ProblemDocument};

/// A private key to sign with.
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the request, which is read by hand: nothing of it may be repeated")]
pub(crate) struct ImportRequest {
    /// A private JWK: EC on P-256, or OKP on Ed25519, with its `d`.
    #[schema(value_type = Object)]
    jwk: Value,
    /// How many seconds the key is published before it signs; 600 if absent, at most 30 days.
    activate_in: Option<u32>,
}

/// Bring a signing key
///
/// It is published ahead, then signs, as any next key does. It is stored sealed and never comes out again.
#[utoipa::path(
    post, path = "/keys/import", tag = "Keys", request_body = ImportRequest,
    responses(
        (status = 201, body = KeyView), (status = 409, body = ProblemDocument),
        (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["keys:manage"]))
)]
pub(crate) async fn import(
    State(app): State<Arc<App>>,
    manager: Manager<RotatesKeys>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    obey(&app, manager.author(), manager.issuer.tenant(), &headers, body).await
}

/// Bring a tenant's signing key
#[utoipa::path(
    post, path = "/tenants/{id}/keys/import", tag = "Keys", request_body = ImportRequest,
    params(("id" = String, Path, description = "`tnt_…`")),
    responses(
        (status = 201, body = KeyView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn import_for_tenant(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    obey(&app, operator.author(), find_alive(&app, &id).await?.id, &headers, body).await
}

async fn obey(
    app: &App,
    author: Author,
    tenant: TenantId,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    // Serde's own messages quote what they do not like.
    let request: Value = read(headers, body)?;
    let (key, activate_in) = read_import(request)?;
    let stored = import_key(app, author, tenant, &key, ahead(activate_in)?).await?;
    Ok(no_store((StatusCode::CREATED, Json(KeyView::from(stored)))))
}

fn read_import(request: Value) -> Result<(PrivateKey, Option<u32>), Problem> {
    let shape = |pointer: &str, message: &str| Problem::invalid_at(pointer, "shape", message);
    let Value::Object(members) = request else { return Err(shape("", "the request is not an object")) };
    if misplaces_a_secret(&members) {
        return Err(shape("", "a private key belongs into `jwk` and nowhere else"));
    }
    if members.keys().any(|name| name != "jwk" && name != "activate_in") {
        return Err(shape("", "there are members besides `jwk` and `activate_in`"));
    }
    let activate_in = match members.get("activate_in") {
        None | Some(Value::Null) => None,
        Some(seconds) => {
            let seconds = seconds.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
            Some(seconds.ok_or_else(|| shape("/activate_in", "it is not a number of seconds"))?)
        }
    };
    let jwk = members.get("jwk").ok_or_else(|| refused(ImportRefused::Unsupported))?;
    Ok((PrivateKey::from_jwk(jwk).map_err(refused)?, activate_in))
}

/// Whether the key itself was sent instead of a request that holds it.
fn misplaces_a_secret(members: &Map<String, Value>) -> bool {
    ["d", "k", "p", "q", "kty"].iter().any(|name| members.contains_key(*name))
}
