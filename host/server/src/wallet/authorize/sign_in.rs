//! The holder shows the link that the issuer sent them, or its transaction code.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;

use super::{answer, failed, sign_in_page};
use crate::app::App;
use crate::authorization::resumed;
use crate::issuer::Issuer;
use crate::operations::open_authorization::next_page;
use crate::operations::sign_in::{self, SignedIn};
use crate::refusal::Refusal;
use crate::tenants::Issuing;
use crate::wallet::form::Form;

/// `POST /authorize/sign-in`
pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let form = Form::read(&headers, body);
    match attempt(&app, &issuer, form).await {
        Ok(SignedIn::Yes(sitting)) => answer(&app, &issuer, next_page(&app, &issuer, sitting).await).await,
        Ok(SignedIn::NotYet(sitting, problem)) => {
            sign_in_page(&app, &issuer, &sitting, &[problem], &|_| None).await
        }
        Err(refusal) => failed(&issuer, &refusal),
    }
}

async fn attempt(app: &App, issuer: &Issuer, form: Result<Form, Refusal>) -> Result<SignedIn, Refusal> {
    let mut form = form?;
    let sitting = resumed(&issuer.envelopes, &form.require("page")?, app.now())?;
    let (link, tx_code) = (form.take("link"), form.take("tx_code"));
    sign_in::sign_in(app, issuer, sitting, link.as_deref(), tx_code.as_deref()).await
}
