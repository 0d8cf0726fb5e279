//! The issuer that a request is for, as handlers ask for it when nobody in particular is calling.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use chancery_protocol::error::ErrorCode;
use http::StatusCode;
use http::request::Parts;

use crate::app::App;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// The issuer, whatever its status: for what verifiers of its live credentials need.
pub(crate) struct Published(pub(crate) Arc<Issuer>);

/// The issuer, if it issues at present.
pub(crate) struct Issuing(pub(crate) Arc<Issuer>);

impl FromRequestParts<Arc<App>> for Published {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Refusal> {
        here(parts).map(Self).ok_or_else(nowhere)
    }
}

impl FromRequestParts<Arc<App>> for Issuing {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Refusal> {
        let issuer = here(parts).ok_or_else(nowhere)?;
        if issuer.tenant.status.may_issue() { Ok(Self(issuer)) } else { Err(not_at_present()) }
    }
}

/// The issuer is there, but what is asked of it must wait, perhaps for ever.
pub(crate) fn not_at_present() -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, "this issuer is not issuing at present")
        .with_status(StatusCode::FORBIDDEN)
}

/// The front door put it there; the routes below it are reached in no other way.
pub(crate) fn here(parts: &Parts) -> Option<Arc<Issuer>> {
    parts.extensions.get::<Arc<Issuer>>().cloned()
}

fn nowhere() -> Refusal {
    Refusal::not_found("there is nothing here")
}
