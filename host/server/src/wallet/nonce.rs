//! The nonce endpoint (OpenID4VCI §7): authenticated nonces, nothing stored.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chancery_credential::nonces::NonceKind;
use chancery_protocol::token::NonceResponse;
use http::HeaderValue;

use crate::app::App;
use crate::caller::fresh_dpop_nonce;
use crate::no_store;
use crate::refusal::DPOP_NONCE;
use crate::tenants::Issuing;

/// `POST /nonce`; it also hands out the next DPoP nonce (RFC 9449 §8.2).
pub(crate) async fn mint(State(app): State<Arc<App>>, Issuing(issuer): Issuing) -> Response {
    let now = app.now();
    let c_nonce = issuer.nonces.mint(NonceKind::CredentialRequest, now, app.random.as_ref());
    let mut response = no_store(Json(NonceResponse { c_nonce }));
    if let Ok(nonce) = HeaderValue::try_from(fresh_dpop_nonce(&app, &issuer, now)) {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    response
}
