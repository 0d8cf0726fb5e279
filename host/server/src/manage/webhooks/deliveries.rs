//! `GET /webhooks/{id}/deliveries`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use chancery_domain::EventId;
use chancery_domain::webhook::DeliveryState;
use chancery_store::PastDelivery;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use super::parse;
use crate::app::App;
use crate::caller::{Inspects, Manager};
use crate::manage::{Page, fifty, page};
use crate::no_store;
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// What a webhook was told, or is to be.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveryView {
    /// `evt_…`, the `webhook-id` of every attempt.
    #[schema(value_type = String)]
    event_id: EventId,
    /// What happened.
    r#type: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    /// Of what.
    #[schema(value_type = Object)]
    data: Value,
    /// `pending`, `delivered` or `dead`.
    #[schema(value_type = String)]
    state: DeliveryState,
    /// How often it was tried.
    attempts: u16,
    /// What the last attempt came to: the status of the answer, or why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_answer: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    last_attempt_at: Option<OffsetDateTime>,
    /// When it is tried next, while it is pending.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    next_attempt_at: Option<OffsetDateTime>,
}

impl From<PastDelivery> for DeliveryView {
    fn from(past: PastDelivery) -> Self {
        Self {
            event_id: past.event,
            r#type: past.kind,
            timestamp: past.at,
            data: past.data,
            state: past.state,
            attempts: past.attempts,
            last_answer: past.answer,
            last_attempt_at: past.answered_at,
            next_attempt_at: (past.state == DeliveryState::Pending).then_some(past.next_at),
        }
    }
}

/// Which deliveries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryQuery {
    /// From `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// 1 to 100; 50 if absent.
    #[serde(default = "fifty")]
    limit: u16,
    /// Only those that are `pending`, `delivered` or `dead`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    state: Option<DeliveryState>,
}

/// List what a webhook was told, newest first
///
/// For 14 days.
#[utoipa::path(
    get, path = "/webhooks/{id}/deliveries", tag = "Webhooks",
    params(("id" = String, Path, description = "`whk_…`"), DeliveryQuery),
    responses((status = 200, body = Page<DeliveryView>), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn deliveries(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
    Path(id): Path<String>,
    query: Result<Query<DeliveryQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let Query(query) =
        query.map_err(|rejection| Problem::new(ProblemCode::Malformed).detail(rejection.body_text()))?;
    let page = page::<EventId>(query.cursor.as_deref(), query.limit)?;
    let mut tx = app.tenant(&manager.issuer).await?;
    tx.webhook(id).await?.ok_or_else(Problem::not_found)?;
    let (rows, next) = tx.deliveries(id, query.state, &page).await?;
    tx.commit().await?;
    let data = rows.into_iter().map(DeliveryView::from).collect();
    Ok(no_store(Json(Page::<DeliveryView> { data, next_cursor: next.map(|id| id.to_string()) })))
}
