//! The token endpoint (RFC 6749 §3.2, OpenID4VCI §6): codes of wallets, credentials of clients.

use std::sync::Arc;

use axum::Json;
use axum::RequestExt;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_protocol::authorization::CODE_GRANT;
use chancery_protocol::error::ErrorCode;
use chancery_protocol::offer::PRE_AUTHORIZED_CODE;
use chancery_protocol::token::{CLIENT_CREDENTIALS, REFRESH_TOKEN};
use http::request::Parts;

use super::form::Form;
use crate::app::App;
use crate::caller::{ClientCredentials, UsedProof, dpop_at_token_endpoint};
use crate::issuer::Issuer;
use crate::no_store;
use crate::operations::grant_client_token::grant_client_token;
use crate::operations::redeem_authorization::{AuthorizationCodeRequest, redeem_authorization};
use crate::operations::redeem_code::{TokenRequest, redeem_code};
use crate::operations::refresh_token::{RefreshRequest, refresh_token};
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
    let grant_type = form.require("grant_type")?;
    let client = ClientCredentials::read(&parts.headers, form.client());
    let client_id = form.take("client_id");
    let response = match grant_type.as_str() {
        CLIENT_CREDENTIALS => {
            let client = client?.authenticate(&app, &issuer).await?;
            grant_client_token(&app, &issuer, &client, form.take("scope").as_deref()).await?
        }
        PRE_AUTHORIZED_CODE if !issuer.is_platform => {
            let client = known_wallet(&app, &issuer, client?).await?;
            let code = form.require("pre-authorized_code")?;
            let request =
                TokenRequest { code, details: form.details()?, tx_code: form.take("tx_code"), client };
            let proof = proof(&app, &issuer, &parts)?;
            redeem_code(&app, &issuer, request, proof).await?
        }
        CODE_GRANT if !issuer.is_platform => {
            let client_id = known_wallet(&app, &issuer, client?).await?.or(client_id);
            let request = AuthorizationCodeRequest {
                code: form.require("code")?,
                client_id: client_id.ok_or_else(|| invalid("client_id is missing"))?,
                redirect_uri: form.require("redirect_uri")?,
                code_verifier: form.take("code_verifier"),
                details: form.details()?,
            };
            let proof = proof(&app, &issuer, &parts)?;
            redeem_authorization(&app, &issuer, request, proof).await?
        }
        REFRESH_TOKEN if issuer.renews() => {
            let client_id = known_wallet(&app, &issuer, client?).await?.or(client_id);
            let token = form.require("refresh_token")?;
            let request = RefreshRequest { token, client_id, details: form.details()? };
            let proof = dpop_at_token_endpoint(&app, &issuer, &parts)?;
            refresh_token(&app, &issuer, request, proof).await?
        }
        _ => {
            let description = "the metadata of this server lists the grant types that it supports";
            return Err(Refusal::new(ErrorCode::UnsupportedGrantType, description));
        }
    };
    Ok(no_store(Json(response)))
}

/// The wallet, if it is one that the issuer registered, or somebody vouches for, and shows so. Wallets ask while the tenant issues.
pub(super) async fn known_wallet(
    app: &App,
    issuer: &Issuer,
    client: ClientCredentials,
) -> Result<Option<String>, Refusal> {
    if let Some(attested) = client.attested(app, issuer).await? {
        return if issuer.tenant.status.may_issue() { Ok(Some(attested)) } else { Err(not_at_present()) };
    }
    let (is_known, is_by_key) = (client.is_confidential(), client.is_by_key());
    // Whoever is registered is nobody else's name.
    if !is_known && (client.names_a_registered_client() || issuer.is_haip()) {
        return Err(Refusal::client_invalid());
    }
    let known = if is_known { Some(client.authenticate(app, issuer).await?) } else { None };
    if known.as_ref().is_some_and(|client| !client.terms.scopes.is_empty()) {
        let description = "clients of the management API receive no credentials";
        return Err(Refusal::new(ErrorCode::UnauthorizedClient, description));
    }
    // Of wallets, a secret would be in every copy (HAIP 1.0 §4, FAPI 2.0 §5.3.2.1).
    if known.is_some() && !is_by_key {
        return Err(Refusal::client_invalid());
    }
    if !issuer.tenant.status.may_issue() {
        return Err(not_at_present());
    }
    Ok(known.map(|client| client.id.to_string()))
}

/// The key that the token is to be bound to; the issuer may insist on one.
fn proof(app: &App, issuer: &Issuer, parts: &Parts) -> Result<Option<UsedProof>, Refusal> {
    let proof = dpop_at_token_endpoint(app, issuer, parts)?;
    if proof.is_none() && issuer.binds_tokens() {
        let description = "this issuer binds its tokens to a key: send a DPoP proof";
        return Err(Refusal::new(ErrorCode::InvalidDpopProof, description));
    }
    Ok(proof)
}

fn invalid(description: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, description)
}
