//! The notification endpoint (OpenID4VCI §11).

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_protocol::error::ErrorCode;
use chancery_protocol::json::from_object_strict;
use chancery_protocol::notification::NotificationRequest;
use http::{HeaderMap, StatusCode};

use super::{has_content_type, readable};
use crate::app::App;
use crate::caller::Wallet;
use crate::no_store;
use crate::operations::note_outcome::note_outcome;
use crate::refusal::Refusal;

/// `POST /notification`; a repeated notification succeeds again.
pub(crate) async fn receive(
    State(app): State<Arc<App>>,
    wallet: Wallet,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let request = read(&headers, body)?;
    note_outcome(&app, wallet, request).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<NotificationRequest, Refusal> {
    let code = ErrorCode::InvalidNotificationRequest;
    let body = readable(body, code)?;
    if !has_content_type(headers, "application/json") {
        return Err(Refusal::new(code, "the body must be application/json"));
    }
    from_object_strict(&body)
        .map_err(|error| Refusal::new(code, "the body is not a notification").because(error))
}
