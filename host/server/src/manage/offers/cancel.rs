//! `DELETE /offers/{id}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::audit::{Action, Changed};
use chancery_domain::{OfferId, OfferState};
use chancery_store::Cancelled;
use http::StatusCode;
use serde_json::json;

use super::state_of;
use crate::app::App;
use crate::caller::{Manager, Offers};
use crate::no_store;
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// Withdraw an offer
///
/// Its code and any token from it are dead at once; what was issued stays and
/// can be revoked. Withdrawing twice is no error.
#[utoipa::path(
    delete, path = "/offers/{id}", tag = "Offers", params(("id" = String, Path, description = "`ofr_…`")),
    responses((status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)),
    security(("api_key" = ["issuance:offer"]))
)]
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    manager: Manager<Offers>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: OfferId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.tenant(&manager.issuer).await?;
    // Before the sweep has been there, an expired offer looks open to the store.
    let is_expired =
        tx.offer(id).await?.is_some_and(|offer| state_of(&offer, app.now()) == OfferState::Expired);
    let cancelled = if is_expired { None } else { tx.cancel_offer(id).await? };
    if let Some(Cancelled { before, now }) = cancelled
        && before != now
    {
        let told = Changed { before: json!({ "state": before }), after: json!({ "state": now }) };
        tx.end_family(id).await?;
        app.tell_of_offer(&manager.issuer, &mut tx, id, now).await?;
        tx.record(&app.entry(manager.author(), Action::OfferCancelled, id, &told)).await?;
    }
    tx.commit().await?;
    let state = if is_expired { Some(OfferState::Expired) } else { cancelled.map(|offer| offer.now) };
    match state {
        Some(OfferState::Cancelled) => Ok(no_store(StatusCode::NO_CONTENT)),
        None => Err(Problem::not_found()),
        Some(state) => Err(Problem::new(ProblemCode::WrongState)
            .detail(format!("the offer is {}; only an open offer can be withdrawn", state.as_str()))),
    }
}
