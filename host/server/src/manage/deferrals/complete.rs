//! `POST /deferrals/{id}/complete`

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::{Begun, Deciding, DeferralView};
use crate::app::App;
use crate::caller::{Manager, Offers};
use crate::manage::read;
use crate::operations::decide_deferral::{check_completion, find_deferral};
use crate::problem::{Problem, ProblemDocument};

/// What completes a deferral.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Completion {
    /// Who the credential is about, instead of what the offer says; its shape is the template's. Required if the
    /// offer says nothing.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    subject: Option<Value>,
}

/// Have a deferred credential issued
///
/// The wallet gets it when it asks next. What is brought is checked as it is in
/// an offer; it is encrypted for that wallet and cannot be read again.
#[utoipa::path(
    post, path = "/deferrals/{id}/complete", tag = "Deferrals", request_body = Completion,
    params(
        ("id" = String, Path, description = "`dfr_…`"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeated request gets the first answer"),
    ),
    responses(
        (status = 200, body = DeferralView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["issuance:offer"]))
)]
pub(crate) async fn complete(
    State(app): State<Arc<App>>,
    manager: Manager<Offers>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let raw = body.as_ref().map(Bytes::clone).unwrap_or_default();
    let deciding = match Deciding::begin(&app, &manager, &headers, (&id, "complete"), &raw).await? {
        Begun::Anew(deciding) => deciding,
        Begun::Answered(answer) => return Ok(answer),
    };
    let deferral = find_deferral(&app, &manager.issuer, deciding.id).await?;
    let completion: Completion = read(&headers, body)?;
    manager.check_may_offer(&deferral.configuration_id)?;
    match check_completion(&app, &manager.issuer, &deferral, completion.subject.as_ref()).await {
        Ok(verdict) => deciding.decide(&app, &manager, &verdict).await,
        Err(problem) => deciding.give_up(&app, &manager, problem).await,
    }
}
