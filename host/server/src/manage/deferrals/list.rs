//! `GET /deferrals`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use chancery_domain::{DeferralState, OfferId};
use serde::Deserialize;

use super::DeferralView;
use crate::app::App;
use crate::caller::{Manager, Reads};
use crate::manage::{self, Page};
use crate::no_store;
use crate::problem::{Problem, ProblemCode};

/// Which deferrals, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeferralQuery {
    /// From `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// 1 to 100; 50 if absent.
    #[serde(default = "manage::fifty")]
    limit: u16,
    /// `pending`, `completed`, `refused`, `issued`, `expired` or `cancelled`
    #[serde(default)]
    state: Option<String>,
    /// Only those of this offer.
    #[serde(default)]
    offer: Option<String>,
}

/// List deferrals, newest first
#[utoipa::path(
    get, path = "/deferrals", tag = "Deferrals", params(DeferralQuery),
    responses((status = 200, body = Page<DeferralView>)),
    security(("api_key" = ["issuance:offer"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Reads>,
    query: Result<Query<DeferralQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let malformed = |detail: String| Problem::new(ProblemCode::Malformed).detail(detail);
    let Query(query) = query.map_err(|rejection| malformed(rejection.body_text()))?;
    let unknown = || malformed("no deferral is in a state of that name".to_owned());
    let state = query.state.map(|word| DeferralState::parse(&word).ok_or_else(unknown)).transpose()?;
    let offer: Option<OfferId> =
        query.offer.map(|offer| offer.parse().map_err(|_| Problem::not_found())).transpose()?;
    let page = manage::page(query.cursor.as_deref(), query.limit)?;
    let mut tx = app.tenant(&manager.issuer).await?;
    if let Some(offer) = offer
        && tx.offer(offer).await?.is_none()
    {
        tx.commit().await?;
        return Err(Problem::not_found());
    }
    let (rows, next) = tx.deferrals(state, offer, app.now(), &page).await?;
    tx.commit().await?;
    let data = rows.into_iter().map(DeferralView::from).collect();
    Ok(no_store(Json(Page::<DeferralView> { data, next_cursor: next.map(|id| id.to_string()) })))
}
