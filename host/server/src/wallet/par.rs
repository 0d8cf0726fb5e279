//! The pushed authorization request endpoint (RFC 9126).

use std::sync::Arc;

use axum::Json;
use axum::RequestExt;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_protocol::authorization::AuthorizationRequest;
use chancery_protocol::error::ErrorCode;
use http::StatusCode;

use super::form::Form;
use super::token::known_wallet;
use crate::app::App;
use crate::caller::{ClientCredentials, dpop_at_token_endpoint};
use crate::no_store;
use crate::operations::push_authorization::push_authorization;
use crate::refusal::Refusal;
use crate::tenants::Issuing;

/// `POST /par`
pub(crate) async fn push(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    request: Request,
) -> Result<Response, Refusal> {
    if issuer.is_platform {
        return Err(super::nowhere().await);
    }
    let (parts, body) = request.with_limited_body().into_parts();
    let body = Request::from_parts(parts.clone(), body).extract::<Bytes, _>().await;
    let mut form = Form::read(&parts.headers, body)?;
    let client = ClientCredentials::read(&parts.headers, form.client())?;
    let client = known_wallet(&app, &issuer, client).await?;
    // RFC 9126 §2.1: a request that stands for another one cannot be pushed.
    if form.take("request_uri").is_some() {
        let description = "request_uri must not be pushed, send the parameters themselves";
        return Err(Refusal::new(ErrorCode::InvalidRequest, description));
    }
    let request = AuthorizationRequest::read(|name| match name {
        // Whoever authenticated need not name itself again (RFC 9126 §2.1).
        "client_id" => form.take(name).or_else(|| client.clone()),
        _ => form.take(name),
    })?;
    let proof = dpop_at_token_endpoint(&app, &issuer, &parts)?;
    let pushed = push_authorization(&app, &issuer, request, proof).await?;
    Ok(no_store((StatusCode::CREATED, Json(pushed))))
}
