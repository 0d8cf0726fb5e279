//! `POST /webhooks/{id}/rotate-secret`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::audit::{Action, Changed};
use chancery_store::Webhook;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use time::Duration;

use super::{WebhookWithSecret, new_secret, parse};
use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::manage::read;
use crate::manage::versions::{check_version, tagged};
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// The longest time for which two secrets sign, in seconds: a week.
const LONGEST_OVERLAP: u32 = 7 * 86_400;
/// A day.
const USUAL_OVERLAP: u32 = 86_400;

/// How a secret makes way for the next.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretRotationRequest {
    /// Seconds for which the present secret signs besides the new one, 0 to 604,800; 86,400 if absent.
    #[serde(default = "usual")]
    overlap_seconds: u32,
}

fn usual() -> u32 {
    USUAL_OVERLAP
}

/// Give a webhook a new secret
///
/// For a while messages carry two signatures, by the present secret and by the new one, so that the receiver
/// changes over without losing any. The secret appears only in this answer.
#[utoipa::path(
    post, path = "/webhooks/{id}/rotate-secret", tag = "Webhooks", request_body = Option<SecretRotationRequest>,
    params(("id" = String, Path, description = "`whk_…`")),
    responses(
        (status = 200, body = WebhookWithSecret), (status = 404, body = ProblemDocument),
        (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn rotate_secret(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let request = match &body {
        Ok(bytes) if bytes.is_empty() => SecretRotationRequest { overlap_seconds: USUAL_OVERLAP },
        _ => read(&headers, body)?,
    };
    if request.overlap_seconds > LONGEST_OVERLAP {
        let message = format!("must lie between 0 and {LONGEST_OVERLAP} seconds");
        return Err(Problem::invalid_at("/overlap_seconds", "range", message));
    }
    let overlap = Duration::seconds(request.overlap_seconds.into());
    let (secret, sealed) = new_secret(&app, &manager.issuer, id);
    let mut tx = app.tenant(&manager.issuer).await?;
    let webhook = tx.webhook_to_change(id).await?.ok_or_else(Problem::not_found)?;
    check_version(&headers, webhook.version)?;
    let former_until = overlap.is_positive().then(|| app.now() + overlap);
    let version = tx.rotate_webhook_secret(id, &sealed, former_until).await?;
    let changed = Changed::made(json!({ "overlap_seconds": request.overlap_seconds }));
    tx.record(&app.entry(manager.author(), Action::WebhookSecretRotated, id, &changed)).await?;
    tx.commit().await?;
    let view = Webhook { version, ..webhook }.into();
    Ok(tagged(no_store(Json(WebhookWithSecret { view, secret: secret.text() })), version))
}
