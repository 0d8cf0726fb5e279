//! The holder signs in at an OpenID Provider, and comes back.
//!
//! The one place with a cookie: it ties what comes back to the browser that was sent away, is sealed, named after the
//! `state`, and gone when it was used.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use chancery_domain::RequestId;
use chancery_protocol::error::ErrorCode;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{answer, failed, sign_in_page};
use crate::app::App;
use crate::authorization::{PAGE_LIFETIME, resumed};
use crate::issuer::Issuer;
use crate::no_store;
use crate::operations::offer_to_holder::Introduced;
use crate::operations::open_authorization::next_page;
use crate::operations::sign_in_upstream::{self, Begun, Returned, Returning};
use crate::refusal::Refusal;
use crate::tenants::Issuing;
use crate::wallet::form::Form;

/// `GET /authorize/provider`: nothing is changed by it, so a link leads here.
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    RawQuery(query): RawQuery,
) -> Response {
    match begun(&app, &issuer, query).await {
        Ok(Begun::Away { location, state, sealed }) => match away(&location, &state, &sealed) {
            Ok(response) => response,
            Err(refusal) => failed(&issuer, &refusal),
        },
        Ok(Begun::NotYet(sitting, problem)) => {
            sign_in_page(&app, &issuer, &sitting, &[problem], &|_| None).await
        }
        Err(refusal) => failed(&issuer, &refusal),
    }
}

async fn begun(app: &App, issuer: &Issuer, query: Option<String>) -> Result<Begun, Refusal> {
    let mut form = Form::parse(query.unwrap_or_default().as_bytes())?;
    let sitting = resumed(&issuer.envelopes, &form.require("page")?, app.now())?;
    sign_in_upstream::begin(app, issuer, sitting, &form.require("provider")?).await
}

fn away(location: &str, state: &str, sealed: &str) -> Result<Response, Refusal> {
    let value = |text: &str| HeaderValue::try_from(text).map_err(Refusal::unavailable);
    let kept = value(&cookie(state, sealed, PAGE_LIFETIME.whole_seconds()))?;
    let headers = [(header::LOCATION, value(location)?), (header::SET_COOKIE, kept)];
    Ok(no_store((StatusCode::SEE_OTHER, headers)))
}

/// `GET /authorize/callback/{provider}`
pub(crate) async fn callback(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    Extension(request): Extension<RequestId>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let returning = match read(provider, query, &headers) {
        Ok(returning) => returning,
        Err(refusal) => return failed(&issuer, &refusal),
    };
    let state = returning.state.clone();
    let returned = sign_in_upstream::finish(&app, &issuer, request, returning).await;
    let mut response = shown(&app, &issuer, returned).await;
    if let Ok(gone) = HeaderValue::try_from(cookie(&state, "", 0)) {
        response.headers_mut().insert(header::SET_COOKIE, gone);
    }
    response
}

async fn shown(app: &App, issuer: &Issuer, returned: Result<Returned, Refusal>) -> Response {
    match returned {
        Ok(Introduced::Yes(sitting)) => answer(app, issuer, next_page(app, issuer, sitting).await).await,
        Ok(Introduced::NotYet(sitting, problems)) => {
            sign_in_page(app, issuer, &sitting, &problems, &|_| None).await
        }
        Err(refusal) => failed(issuer, &refusal),
    }
}

fn read(provider: String, query: Option<String>, headers: &HeaderMap) -> Result<Returning, Refusal> {
    let mut form = Form::parse(query.unwrap_or_default().as_bytes())?;
    let state = form.require("state")?;
    let is_ours = state.len() == 64 && state.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sealed = if is_ours { find_cookie(headers, &state) } else { None };
    let sealed = sealed.ok_or_else(|| {
        let description = "this sign-in was not begun in this browser, or was finished";
        Refusal::new(ErrorCode::InvalidRequest, description)
    })?;
    Ok(Returning {
        provider,
        state,
        sealed,
        code: form.take("code"),
        error: form.take("error"),
        iss: form.take("iss"),
    })
}

/// The prefix has browsers refuse it from anybody but this host itself (RFC 6265bis §4.1.3.2). Several sign-ins of one
/// browser do not know of each other.
fn cookie_name(state: &str) -> String {
    format!("__Host-sign-in-{}", state.get(..16).unwrap_or_default())
}

/// `Lax`, because the way back begins at another site.
fn cookie(state: &str, value: &str, seconds: i64) -> String {
    let name = cookie_name(state);
    format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
}

fn find_cookie(headers: &HeaderMap, state: &str) -> Option<String> {
    let name = cookie_name(state);
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value.to_owned())
}
