//! Where verifiers find the issuer's public keys, in three ways besides `x5c`.

use axum::response::{IntoResponse, Response};
use chancery_credential::jose::Jwk;
use serde_json::{Value, json};

use super::{nowhere, public_document};
use crate::issuer::Issuer;
use crate::tenants::Published;

/// `GET /jwks`
pub(crate) async fn jwks(Published(issuer): Published) -> Response {
    public_document(issuer.documents.jwks.clone(), "application/jwk-set+json")
}

/// `GET /oauth/jwks`: the authorization server's keys, and those of the status lists that it names.
pub(crate) async fn token_keys(Published(issuer): Published) -> Response {
    public_document(issuer.documents.token_keys.clone(), "application/jwk-set+json")
}

/// `GET /.well-known/jwt-vc-issuer` (SD-JWT VC §3.5)
pub(crate) async fn jwt_vc_issuer(Published(issuer): Published) -> Response {
    public_document(issuer.documents.jwt_vc_issuer.clone(), "application/json")
}

/// `GET /.well-known/did.json`, where the DID names a bare host (did:web §2.5.2).
pub(crate) async fn did_at_root(Published(issuer): Published) -> Response {
    did_document(&issuer, issuer.url().path() == "/").await
}

/// `GET /did.json`, where the DID has a path.
pub(crate) async fn did_at_path(Published(issuer): Published) -> Response {
    did_document(&issuer, issuer.url().path() != "/").await
}

async fn did_document(issuer: &Issuer, is_its_place: bool) -> Response {
    match &issuer.documents.did {
        Some(document) if is_its_place => public_document(document.clone(), "application/did+json"),
        _ => nowhere().await.into_response(),
    }
}

/// `GET /authority.pem`: the certificate of the issuer's own authority, for verifiers that choose to trust it. That it
/// is the issuer's, they know by another way than this.
pub(crate) async fn authority(Published(issuer): Published) -> Response {
    match &issuer.documents.authority {
        Some(certificate) => public_document(certificate.clone(), "application/pem-certificate-chain"),
        None => nowhere().await.into_response(),
    }
}

/// `GET /authority.crl`: which of its certificates that authority withdrew, for as long as they would count (RFC 5280 §5).
pub(crate) async fn revocation_list(Published(issuer): Published) -> Response {
    match &issuer.documents.revocation_list {
        Some(list) => public_document(list.clone(), "application/pkix-crl"),
        None => nowhere().await.into_response(),
    }
}

/// A JWK set, every key with its `kid` and `alg`.
pub(crate) fn describe_keys(keys: &[Jwk]) -> Value {
    json!({ "keys": keys.iter().map(Jwk::to_published).collect::<Vec<_>>() })
}
