//! `POST /deferrals/{id}/refuse`

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;

use super::{Begun, Deciding, DeferralView};
use crate::app::App;
use crate::caller::{Manager, Offers};
use crate::manage::{is_name, read};
use crate::operations::decide_deferral::{Verdict, find_deferral};
use crate::problem::{Problem, ProblemDocument};

/// Why a deferral is refused.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refused {
    /// For the holder: 1 to 200 characters, which the wallet may show.
    reason: String,
}

/// Refuse a deferred credential
///
/// The wallet is told so when it asks next. What was completed can be refused
/// until the wallet has fetched it; after that it is revoked.
#[utoipa::path(
    post, path = "/deferrals/{id}/refuse", tag = "Deferrals", request_body = Refused,
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
pub(crate) async fn refuse(
    State(app): State<Arc<App>>,
    manager: Manager<Offers>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let raw = body.as_ref().map(Bytes::clone).unwrap_or_default();
    let deciding = match Deciding::begin(&app, &manager, &headers, (&id, "refuse"), &raw).await? {
        Begun::Anew(deciding) => deciding,
        Begun::Answered(answer) => return Ok(answer),
    };
    let deferral = find_deferral(&app, &manager.issuer, deciding.id).await?;
    let Refused { reason } = read(&headers, body)?;
    manager.check_may_offer(&deferral.configuration_id)?;
    if !is_name(&reason) {
        let rule = "a reason has 1 to 200 characters, none of them invisible";
        return Err(Problem::invalid_at("/reason", "length", rule));
    }
    deciding.decide(&app, &manager, &Verdict::Refuse { reason }).await
}
