//! The credential endpoint (OpenID4VCI §8).

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_protocol::credential::CredentialAnswer;
use http::{HeaderMap, StatusCode};

use super::encryption::{Sealed, answer, read};
use crate::app::App;
use crate::caller::Wallet;
use crate::operations::issue_credential::issue_credential;
use crate::refusal::Refusal;

/// `POST /credential`
pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    wallet: Wallet,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let issuer = wallet.issuer.clone();
    let Sealed { request, was_encrypted } = read(&issuer, &headers, body)?;
    let (response, agreement) = issue_credential(&app, wallet, request, was_encrypted).await?;
    answer(&app, agreement.as_ref(), status_of(&response), &response)
}

/// What is deferred is accepted, not answered (§8.3).
pub(super) fn status_of(answer: &CredentialAnswer) -> StatusCode {
    match answer {
        CredentialAnswer::Issued(_) => StatusCode::OK,
        CredentialAnswer::Deferred(_) => StatusCode::ACCEPTED,
    }
}
