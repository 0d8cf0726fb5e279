//! The token endpoint (RFC 6749 §3.2, OpenID4VCI §6): codes of wallets, credentials of clients.

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
use chancery_protocol::token::{AuthorizationDetail, CLIENT_CREDENTIALS};
use http::HeaderMap;

use super::{has_content_type, readable};
use crate::app::App;
use crate::caller::{ClientCredentials, dpop_at_token_endpoint};
use crate::no_store;
use crate::operations::grant_client_token::grant_client_token;
use crate::operations::redeem_code::{TokenRequest, redeem_code};
use crate::refusal::Refusal;
use crate::tenants::{Published, not_at_present};

/// `POST /token`
pub(crate) async fn grant(
    State(app): State<Arc<App>>,
    Published(issuer): Published,
    request: Request,
) -> Result<Response, Refusal> {
    let status = issuer.tenant.status;
    if !status.may_manage() {
        return Err(not_at_present());
    }
    let (parts, body) = request.with_limited_body().into_parts();
    let body = Request::from_parts(parts.clone(), body).extract::<Bytes, _>().await;
    let mut form = Form::read(&parts.headers, body)?;
    let grant_type = form.take("grant_type").ok_or_else(|| invalid("grant_type is missing"))?;
    let client = ClientCredentials::read(&parts.headers, form.take("client_id"), form.take("client_secret"));
    let response = match grant_type.as_str() {
        CLIENT_CREDENTIALS => {
            let client = client?.authenticate(&app, &issuer).await?;
            grant_client_token(&app, &issuer, &client, form.take("scope").as_deref()).await?
        }
        PRE_AUTHORIZED_CODE if !issuer.is_platform => {
            let client = client?;
            if client.is_confidential() {
                client.authenticate(&app, &issuer).await?;
                let description = "clients of the management API redeem no offers";
                return Err(Refusal::new(ErrorCode::UnauthorizedClient, description));
            }
            if !status.may_issue() {
                return Err(not_at_present());
            }
            let request = form.token_request()?;
            let proof = dpop_at_token_endpoint(&app, &issuer, &parts)?;
            if proof.is_none() && issuer.settings.dpop_required {
                let description = "this issuer binds its tokens to a key: send a DPoP proof";
                return Err(Refusal::new(ErrorCode::InvalidDpopProof, description));
            }
            redeem_code(&app, &issuer, request, proof).await?
        }
        _ => {
            let description = "the metadata of this server lists the grant types that it supports";
            return Err(Refusal::new(ErrorCode::UnsupportedGrantType, description));
        }
    };
    Ok(no_store(Json(response)))
}

fn invalid(description: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, description)
}

/// The parameters of a request; unknown ones are ignored.
struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads the form. A parameter that comes twice is refused (RFC 6749 §3.2).
    fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Self, Refusal> {
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
        Ok(Self(form))
    }

    /// A parameter without a value counts as one that was left out (RFC 6749 §3.2).
    fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    fn token_request(mut self) -> Result<TokenRequest, Refusal> {
        let code =
            self.take("pre-authorized_code").ok_or_else(|| invalid("pre-authorized_code is missing"))?;
        let details = self
            .take("authorization_details")
            .map(|text| {
                from_slice_strict::<Vec<AuthorizationDetail>>(text.as_bytes()).map_err(|error| {
                    invalid("authorization_details is not an array of details").because(error)
                })
            })
            .transpose()?;
        Ok(TokenRequest { code, tx_code: self.take("tx_code"), details })
    }
}
