//! The challenge endpoint, for wallets that somebody vouches for (attestation-based client authentication, §8).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chancery_credential::nonces::NonceKind;
use serde_json::json;

use crate::app::App;
use crate::no_store;
use crate::refusal::Refusal;
use crate::tenants::Issuing;

/// `POST /challenge`: authenticated, like nonces, and not stored. Where nobody is trusted there is none.
pub(crate) async fn mint(State(app): State<Arc<App>>, Issuing(issuer): Issuing) -> Result<Response, Refusal> {
    if issuer.is_platform || issuer.wallet_providers.is_empty() {
        return Err(super::nowhere().await);
    }
    let challenge = issuer.nonces.mint(NonceKind::Attestation, app.now(), app.random.as_ref());
    Ok(no_store(Json(json!({ "attestation_challenge": challenge }))))
}
