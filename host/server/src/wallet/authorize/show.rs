//! The authorization endpoint (RFC 6749 §3.1, RFC 9126 §4).

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_protocol::authorization::AuthorizationRequest;
use chancery_protocol::error::ErrorCode;
use http::HeaderMap;

use super::answer;
use crate::app::App;
use crate::authorization::{Authorization, pushed};
use crate::issuer::Issuer;
use crate::operations::open_authorization::{NextPage, open_authorization};
use crate::operations::push_authorization::check_authorization;
use crate::refusal::Refusal;
use crate::tenants::Issuing;
use crate::wallet::form::Form;

/// `GET /authorize`
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    RawQuery(query): RawQuery,
) -> Response {
    let form = Form::parse(query.unwrap_or_default().as_bytes());
    answer(&app, &issuer, open(&app, &issuer, form).await).await
}

/// `POST /authorize`
pub(crate) async fn show_posted(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let form = Form::read(&headers, body);
    answer(&app, &issuer, open(&app, &issuer, form).await).await
}

async fn open(app: &App, issuer: &Issuer, form: Result<Form, Refusal>) -> Result<NextPage, Refusal> {
    if issuer.is_platform {
        return Err(crate::wallet::nowhere().await);
    }
    let authorization = read(app, issuer, form?).await?;
    open_authorization(app, issuer, authorization).await
}

/// The request itself, or the one that was pushed; of a pushed one no other parameter counts (RFC 9126 §4).
async fn read(app: &App, issuer: &Issuer, mut form: Form) -> Result<Authorization, Refusal> {
    if let Some(request_uri) = form.take("request_uri") {
        return pushed(&issuer.envelopes, &form.require("client_id")?, &request_uri, app.now());
    }
    if issuer.is_haip() {
        let description = "this issuer takes pushed requests only, see pushed_authorization_request_endpoint";
        return Err(Refusal::new(ErrorCode::InvalidRequest, description));
    }
    let request = AuthorizationRequest::read(|name| form.take(name))?;
    check_authorization(app, issuer, request, None).await
}
