//! The holder decides.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_protocol::error::ErrorCode;
use http::HeaderMap;

use super::leave;
use crate::app::App;
use crate::authorization::resumed;
use crate::issuer::Issuer;
use crate::operations::decide_authorization::{consent, refuse};
use crate::refusal::Refusal;
use crate::tenants::Issuing;
use crate::wallet::form::Form;

/// `POST /authorize/decision`
pub(crate) async fn decide(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    leave(&issuer, decision(&app, &issuer, Form::read(&headers, body)).await)
}

/// Where the browser goes next.
async fn decision(app: &App, issuer: &Issuer, form: Result<Form, Refusal>) -> Result<String, Refusal> {
    let mut form = form?;
    let sitting = resumed(&issuer.envelopes, &form.require("page")?, app.now())?;
    match form.require("decision")?.as_str() {
        "consent" => consent(app, issuer, sitting).await,
        "refuse" => refuse(app, issuer, sitting).await,
        _ => Err(Refusal::new(ErrorCode::InvalidRequest, "decision is consent or refuse")),
    }
}
