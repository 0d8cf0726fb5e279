//! `POST /webhooks/{id}/deliveries/{event_id}/replay`, `POST /webhooks/{id}/replay-dead`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::EventId;
use chancery_domain::audit::{Action, Changed};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::parse;
use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// How much is told once more.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Replayed {
    /// How many deliveries.
    replayed: u64,
}

/// Tell a webhook of one event once more
///
/// Under the id that it had, whatever became of it.
#[utoipa::path(
    post, path = "/webhooks/{id}/deliveries/{event_id}/replay", tag = "Webhooks",
    params(
        ("id" = String, Path, description = "`whk_…`"),
        ("event_id" = String, Path, description = "`evt_…`"),
    ),
    responses((status = 202, body = Replayed), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn replay(
    app: State<Arc<App>>,
    manager: Manager<Administers>,
    Path((id, event)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let event = event.parse().map_err(|_| Problem::not_found())?;
    replay_some(app, manager, &id, Some(event)).await
}

/// Tell a webhook once more of everything that was given up
#[utoipa::path(
    post, path = "/webhooks/{id}/replay-dead", tag = "Webhooks",
    params(("id" = String, Path, description = "`whk_…`")),
    responses((status = 202, body = Replayed), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn replay_dead(
    app: State<Arc<App>>,
    manager: Manager<Administers>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    replay_some(app, manager, &id, None).await
}

async fn replay_some(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    id: &str,
    only: Option<EventId>,
) -> Result<Response, Problem> {
    let id = parse(id)?;
    let mut tx = app.tenant(&manager.issuer).await?;
    tx.webhook(id).await?.ok_or_else(Problem::not_found)?;
    let replayed = tx.replay(id, only, app.now()).await?;
    if replayed == 0 && only.is_some() {
        tx.rollback().await?;
        return Err(Problem::not_found());
    }
    if replayed > 0 {
        let told = json!({ "event_id": only, "replayed": replayed });
        tx.record(&app.entry(manager.author(), Action::WebhookReplayed, id, &Changed::made(told))).await?;
    }
    tx.commit().await?;
    Ok(no_store((StatusCode::ACCEPTED, Json(Replayed { replayed }))))
}
