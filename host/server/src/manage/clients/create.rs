//! `POST /clients`

use chancery_domain::audit::{Action, Changed};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_credential::secrets::ClientSecret;
use chancery_domain::scope::Scope;
use chancery_domain::{ClientId, random_bytes};
use chancery_store::ClientTerms;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{ClientWithSecret, check_holds, checked, told};
use crate::app::App;
use crate::audit::record_access;
use crate::caller::{KeepsClients, Manager};
use crate::manage::read;
use crate::manage::versions::tagged;
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// What a new client is to be.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientRequest {
    /// What the client is; 1 to 200 characters.
    name: String,
    /// What it may do; none if the client is a wallet.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Scope>,
    /// The credential configurations that it may offer; every one if absent or `null`.
    #[serde(default)]
    configuration_ids: Option<Vec<String>>,
    /// Public keys (a JWK set) that it authenticates with, by `private_key_jwt`; a wallet has to.
    #[serde(default)]
    jwks: Option<serde_json::Value>,
}

/// Admit a client
///
/// With its id and secret, or with its key, it gets tokens at the token endpoint (`grant_type=client_credentials`). Nobody may
/// give what they do not hold.
#[utoipa::path(
    post, path = "/clients", tag = "Clients", request_body = ClientRequest,
    responses(
        (status = 201, body = ClientWithSecret), (status = 403, body = ProblemDocument),
        (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["clients:manage"]), ("api_key" = ["platform-admin"]))
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsClients>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let ClientRequest { name, scopes, configuration_ids, jwks } = read(&headers, body)?;
    let terms = checked(ClientTerms { name, scopes, configuration_ids, jwks })?;
    check_holds(&manager, &terms)?;
    let id = ClientId::new(app.now(), random_bytes(app.random.as_ref()));
    let secret = ClientSecret::random(app.random.as_ref());
    let mut tx = app.tenant(&manager.issuer).await?;
    tx.create_client(id, &secret.hash(), &terms).await?;
    let changed = Changed::made(told(&terms));
    let entry = app.entry(manager.author(), Action::ClientAdmitted, id, &changed);
    record_access(&mut tx, &terms.scopes, &entry).await?;
    tx.commit().await?;
    let created = ClientWithSecret::new(id, terms, &secret);
    Ok(tagged(no_store((StatusCode::CREATED, Json(created))), 1))
}
