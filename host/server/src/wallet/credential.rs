//! The credential endpoint (OpenID4VCI §8).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_protocol::credential::CredentialRequest;
use chancery_protocol::error::ErrorCode;
use chancery_protocol::json::from_slice_strict;
use http::HeaderMap;

use super::{has_content_type, readable};
use crate::app::App;
use crate::caller::Wallet;
use crate::no_store;
use crate::operations::issue_credential::issue_credential;
use crate::refusal::Refusal;

/// `POST /credential`
pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    wallet: Wallet,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let request = read(&headers, body)?;
    let response = issue_credential(&app, wallet, request).await?;
    Ok(no_store(Json(response)))
}

fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<CredentialRequest, Refusal> {
    let body = readable(body, ErrorCode::InvalidCredentialRequest)?;
    if !has_content_type(headers, "application/json") {
        return Err(Refusal::new(ErrorCode::InvalidCredentialRequest, "the body must be application/json"));
    }
    from_slice_strict(&body).map_err(|error| {
        Refusal::new(ErrorCode::InvalidCredentialRequest, "the body is not a credential request")
            .because(error)
    })
}
