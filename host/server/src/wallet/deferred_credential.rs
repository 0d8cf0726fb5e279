//! The deferred credential endpoint (OpenID4VCI §9).

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;

use super::credential::status_of;
use super::encryption::{Sealed, answer, read};
use crate::app::App;
use crate::caller::Wallet;
use crate::operations::issue_deferred::issue_deferred;
use crate::refusal::Refusal;

/// `POST /deferred-credential`
pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    wallet: Wallet,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let issuer = wallet.issuer.clone();
    let Sealed { request, was_encrypted } = read(&issuer, &headers, body)?;
    let (response, agreement) = issue_deferred(&app, wallet, request, was_encrypted).await?;
    answer(&app, agreement.as_ref(), status_of(&response), &response)
}
