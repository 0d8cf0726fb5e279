//! The token endpoint (RFC 6749 §3.2, OpenID4VCI §6).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::RequestExt;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_protocol::error::ErrorCode;
use chancery_protocol::json::from_slice_strict;
use chancery_protocol::offer::PRE_AUTHORIZED_CODE;
use chancery_protocol::token::AuthorizationDetail;
use http::HeaderMap;

use super::{has_content_type, readable};
use crate::app::App;
use crate::caller::dpop_at_token_endpoint;
use crate::no_store;
use crate::operations::redeem_code::{TokenRequest, redeem_code};
use crate::refusal::Refusal;
use crate::tenants::Issuing;

/// `POST /token`
pub(crate) async fn redeem(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.with_limited_body().into_parts();
    let body = Request::from_parts(parts.clone(), body).extract::<Bytes, _>().await;
    let request = read(&parts.headers, body)?;
    let proof = dpop_at_token_endpoint(&app, &issuer, &parts)?;
    let response = redeem_code(&app, &issuer, request, proof).await?;
    Ok(no_store(Json(response)))
}

/// Reads the form. A parameter that comes twice is refused (RFC 6749 §3.2); unknown ones are ignored.
fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<TokenRequest, Refusal> {
    let invalid = |description: &str| Refusal::new(ErrorCode::InvalidRequest, description);
    let body = readable(body, ErrorCode::InvalidRequest)?;
    if !has_content_type(headers, "application/x-www-form-urlencoded") {
        return Err(invalid("the body must be application/x-www-form-urlencoded"));
    }
    let mut form = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(&body) {
        if form.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(invalid(&format!("the parameter {name} comes twice")));
        }
    }
    let mut parameter = |name: &str| form.remove(name).filter(|value| !value.is_empty());

    let grant_type = parameter("grant_type").ok_or_else(|| invalid("grant_type is missing"))?;
    if grant_type != PRE_AUTHORIZED_CODE {
        let description = format!("only {PRE_AUTHORIZED_CODE} is supported");
        return Err(Refusal::new(ErrorCode::UnsupportedGrantType, description));
    }
    let code = parameter("pre-authorized_code").ok_or_else(|| invalid("pre-authorized_code is missing"))?;
    let details = parameter("authorization_details")
        .map(|text| {
            from_slice_strict::<Vec<AuthorizationDetail>>(text.as_bytes()).map_err(|error| {
                Refusal::new(ErrorCode::InvalidRequest, "authorization_details is not an array of details")
                    .because(error)
            })
        })
        .transpose()?;
    Ok(TokenRequest { code, tx_code: parameter("tx_code"), details })
}
