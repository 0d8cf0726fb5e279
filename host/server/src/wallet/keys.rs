//! Where verifiers find the issuer's public keys, in three ways besides `x5c`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chancery_credential::jose::Jwk;
use serde_json::{Value, json};

use super::{nowhere, public_document};
use crate::app::App;

/// `GET /jwks`
pub(crate) async fn jwks(State(app): State<Arc<App>>) -> Response {
    public_document(app.issuer().documents.jwks.clone(), "application/jwk-set+json")
}

/// `GET /.well-known/jwt-vc-issuer` (SD-JWT VC §3.5)
pub(crate) async fn jwt_vc_issuer(State(app): State<Arc<App>>) -> Response {
    public_document(app.issuer().documents.jwt_vc_issuer.clone(), "application/json")
}

/// `GET /.well-known/did.json`, where the DID names a bare host (did:web §2.5.2).
pub(crate) async fn did_at_root(State(app): State<Arc<App>>) -> Response {
    did_document(&app, app.issuer().url().path() == "/").await
}

/// `GET /did.json`, where the DID has a path.
pub(crate) async fn did_at_path(State(app): State<Arc<App>>) -> Response {
    did_document(&app, app.issuer().url().path() != "/").await
}

async fn did_document(app: &App, is_its_place: bool) -> Response {
    match &app.issuer().documents.did {
        Some(document) if is_its_place => public_document(document.clone(), "application/did+json"),
        _ => nowhere().await.into_response(),
    }
}

/// A JWK set, every key with its `kid` and `alg`.
pub(crate) fn describe_keys(keys: &[Jwk]) -> Value {
    json!({ "keys": keys.iter().map(Jwk::to_published).collect::<Vec<_>>() })
}
