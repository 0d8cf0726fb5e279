//! `DELETE /webhooks/{id}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::audit::{Action, Changed};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{parse, told};
use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::manage::versions::check_version;
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// Remove a webhook
///
/// With everything that it was told, or was still to be.
#[utoipa::path(
    delete, path = "/webhooks/{id}", tag = "Webhooks", params(("id" = String, Path, description = "`whk_…`")),
    responses((status = 204), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let webhook = tx.webhook_to_change(id).await?.ok_or_else(Problem::not_found)?;
    check_version(&headers, webhook.version)?;
    tx.delete_webhook(id).await?;
    let changed = Changed { before: told(&webhook.terms), after: Value::Null };
    tx.record(&app.entry(manager.author(), Action::WebhookDeleted, id, &changed)).await?;
    tx.announce_change().await?;
    tx.commit().await?;
    app.tenants.forget(manager.issuer.tenant());
    Ok(no_store(StatusCode::NO_CONTENT))
}
