//! `PATCH /webhooks/{id}`

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::EventType;
use chancery_domain::audit::{Action, Changed};
use chancery_store::{Chore, Webhook, WebhookTerms};
use http::HeaderMap;
use serde::Deserialize;

use super::{WebhookView, answer, checked, parse, told};
use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::manage::versions::require_version;
use crate::manage::{present, read};
use crate::problem::{Problem, ProblemDocument};

/// What of a webhook changes (RFC 7396).
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookPatch {
    /// Where it is told.
    #[serde(default, deserialize_with = "present")]
    url: Option<String>,
    /// What it is.
    #[serde(default, deserialize_with = "present")]
    description: Option<String>,
    /// What it is told of; `null`: everything.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    #[expect(clippy::option_option, reason = "absent, null and a list are three things in a merge patch")]
    event_types: Option<Option<Vec<EventType>>>,
    /// Whether it is told anything.
    #[serde(default, deserialize_with = "present")]
    enabled: Option<bool>,
}

/// Change a webhook
///
/// One that the host disabled is enabled by this, if nothing else is said. What waited for it meanwhile is
/// delivered, as far as it is not older than 14 days; what happened while it was disabled is not told.
#[utoipa::path(
    patch, path = "/webhooks/{id}", tag = "Webhooks", request_body = WebhookPatch,
    params(("id" = String, Path, description = "`whk_…`")),
    responses(
        (status = 200, body = WebhookView), (status = 404, body = ProblemDocument),
        (status = 412, body = ProblemDocument), (status = 422, body = ProblemDocument),
        (status = 428, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let webhook = tx.webhook_to_change(id).await?.ok_or_else(Problem::not_found)?;
    require_version(&headers, webhook.version)?;
    let patch: WebhookPatch = read(&headers, body)?;
    let before = told(&webhook.terms);
    let enabled = webhook.terms.enabled || webhook.disabled_because.is_some();
    let terms = WebhookTerms {
        url: patch.url.unwrap_or(webhook.terms.url),
        description: patch.description.unwrap_or(webhook.terms.description),
        event_types: patch.event_types.unwrap_or(webhook.terms.event_types),
        enabled: patch.enabled.unwrap_or(enabled),
    };
    let terms = checked(&app, terms)?;
    let version = tx.change_webhook(id, &terms).await?;
    if terms.enabled {
        tx.due_by(Chore::Deliver, app.now()).await?;
    }
    let changed = Changed { before, after: told(&terms) };
    tx.record(&app.entry(manager.author(), Action::WebhookChanged, id, &changed)).await?;
    tx.announce_change().await?;
    tx.commit().await?;
    app.tenants.forget(manager.issuer.tenant());
    Ok(answer(Webhook { terms, version, disabled_because: None, failing_since: None, ..webhook }))
}
