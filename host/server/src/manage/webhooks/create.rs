//! `POST /webhooks`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::audit::{Action, Changed};
use chancery_domain::webhook::MOST_WEBHOOKS;
use chancery_domain::{EventType, WebhookId, random_bytes};
use chancery_store::{Webhook, WebhookTerms};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{WebhookWithSecret, checked, new_secret, told};
use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::manage::read;
use crate::manage::versions::tagged;
use crate::no_store;
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// What a new webhook is to be.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookRequest {
    /// Where it is told: https, at a public address.
    url: String,
    /// What it is; up to 200 characters.
    #[serde(default)]
    description: String,
    /// What it is told of; everything if absent or `null`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    event_types: Option<Vec<EventType>>,
    /// Whether it is told anything; `true` if absent.
    #[serde(default = "yes")]
    enabled: bool,
}

fn yes() -> bool {
    true
}

/// Add a webhook
///
/// It is told what happens from now on, by `POST` of a JSON document that names ids and states and never a claim,
/// signed as Standard Webhooks says. The secret appears only in this answer.
#[utoipa::path(
    post, path = "/webhooks", tag = "Webhooks", request_body = WebhookRequest,
    responses(
        (status = 201, body = WebhookWithSecret), (status = 409, body = ProblemDocument),
        (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let WebhookRequest { url, description, event_types, enabled } = read(&headers, body)?;
    let terms = checked(&app, WebhookTerms { url, description, event_types, enabled })?;
    let id = WebhookId::new(app.now(), random_bytes(app.random.as_ref()));
    let (secret, sealed) = new_secret(&app, &manager.issuer, id);
    let mut tx = app.tenant(&manager.issuer).await?;
    if !tx.create_webhook(id, &terms, &sealed).await? {
        tx.rollback().await?;
        let detail = format!("a tenant has at most {MOST_WEBHOOKS} webhooks; remove one first");
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    let changed = Changed::made(told(&terms));
    tx.record(&app.entry(manager.author(), Action::WebhookCreated, id, &changed)).await?;
    tx.announce_change().await?;
    tx.commit().await?;
    app.tenants.forget(manager.issuer.tenant());
    let webhook = Webhook { id, terms, disabled_because: None, failing_since: None, version: 1 };
    let created = WebhookWithSecret { view: webhook.into(), secret: secret.text() };
    Ok(tagged(no_store((StatusCode::CREATED, Json(created))), 1))
}
