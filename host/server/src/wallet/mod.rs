//! What wallets and verifiers call: each handler translates one message of the
//! protocol and hands it to an operation.

pub(crate) mod authorize;
pub(crate) mod challenge;
pub(crate) mod credential;
pub(crate) mod deferred_credential;
pub(crate) mod encryption;
mod form;
pub(crate) mod keys;
pub(crate) mod metadata;
pub(crate) mod nonce;
pub(crate) mod notification;
pub(crate) mod offer;
pub(crate) mod offer_page;
pub(crate) mod par;
pub(crate) mod status_list;
pub(crate) mod token;
pub(crate) mod type_metadata;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chancery_protocol::error::ErrorCode;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::refusal::Refusal;

/// A path that does not exist.
pub(crate) async fn nowhere() -> Refusal {
    Refusal::not_found("there is nothing here")
}

/// A path that exists, asked with another method.
pub(crate) async fn wrong_method() -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, "this endpoint takes another method")
        .with_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// A document that was rendered before anybody asked.
fn public_document(body: Bytes, content_type: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    (headers, body).into_response()
}

/// Whether this form is what is asked for first. Whoever takes anything gets what most understand.
fn prefers(headers: &HeaderMap, media_type: &str) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let first = accepted.and_then(|value| value.split([',', ';']).next());
    first.is_some_and(|first| first.trim().eq_ignore_ascii_case(media_type))
}

/// Whether the body is declared as `wanted`, whatever parameters follow.
fn has_content_type(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

/// The body, or the refusal that fits what kept us from reading it.
fn readable(
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
    code: ErrorCode,
) -> Result<Bytes, Refusal> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(code, "the request is larger than 256 KiB")
            .with_status(StatusCode::PAYLOAD_TOO_LARGE),
        _ => Refusal::new(code, "the request body broke off").because(rejection),
    })
}
