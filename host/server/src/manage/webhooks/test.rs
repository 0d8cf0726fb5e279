//! `POST /webhooks/{id}/test`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::audit::{Action, Changed};
use http::StatusCode;
use serde_json::json;

use super::{ToldEvent, parse};
use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::no_store;
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// Try a webhook
///
/// It is sent an event of the type `webhook.test`, as it would be any other; `deliveries` shows what it answers.
#[utoipa::path(
    post, path = "/webhooks/{id}/test", tag = "Webhooks", params(("id" = String, Path, description = "`whk_…`")),
    responses(
        (status = 202, body = ToldEvent), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn test(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let event = app.test_event();
    let mut tx = app.tenant(&manager.issuer).await?;
    tx.webhook(id).await?.ok_or_else(Problem::not_found)?;
    if !tx.tell_one(id, &event).await? {
        tx.rollback().await?;
        return Err(Problem::new(ProblemCode::WrongState).detail("the webhook is disabled; enable it first"));
    }
    let changed = Changed::made(json!({ "event_id": event.id }));
    tx.record(&app.entry(manager.author(), Action::WebhookTested, id, &changed)).await?;
    tx.commit().await?;
    Ok(no_store((StatusCode::ACCEPTED, Json(ToldEvent { event_id: event.id }))))
}
