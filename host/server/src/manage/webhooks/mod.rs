//! Webhooks: where a tenant's other systems are told what happens.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deliveries;
pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod rotate_secret;
pub(crate) mod test;

use axum::Json;
use axum::response::Response;
use chancery_credential::keys::Shared;
use chancery_credential::webhook::WebhookSecret;
use chancery_domain::template::Issue;
use chancery_domain::{EventId, EventType, WebhookId};
use chancery_store::{Webhook, WebhookTerms};
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::Url;

use super::versions::tagged;
use super::{NAME_RULE, is_name};
use crate::app::App;
use crate::issuer::Issuer;
use crate::no_store;
use crate::problem::Problem;

/// A webhook, without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookView {
    /// `whk_…`
    #[schema(value_type = String)]
    id: WebhookId,
    /// Where it is told.
    url: String,
    /// What it is; may be empty.
    description: String,
    /// What it is told of; `null`: everything, what is added later included.
    #[schema(value_type = Option<Vec<String>>)]
    event_types: Option<Vec<EventType>>,
    /// Whether it is told anything.
    enabled: bool,
    /// Why it is not, if nobody but the host decided that.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_because: Option<String>,
    /// Since when it accepted nothing, if it does not.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    failing_since: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

/// A webhook with a new secret, which appears only here.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookWithSecret {
    #[serde(flatten)]
    view: WebhookView,
    /// `whsec_…`: what a receiver verifies with (Standard Webhooks).
    secret: String,
}

/// An event that a webhook is told of.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ToldEvent {
    /// `evt_…`, the `webhook-id` of every attempt.
    #[schema(value_type = String)]
    event_id: EventId,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        let Webhook { id, terms, disabled_because, failing_since, .. } = webhook;
        let WebhookTerms { url, description, event_types, enabled } = terms;
        let created_at = id.created_at();
        Self { id, url, description, event_types, enabled, disabled_because, failing_since, created_at }
    }
}

/// The webhook with its entity tag.
fn answer(webhook: Webhook) -> Response {
    let version = webhook.version;
    tagged(no_store(Json(WebhookView::from(webhook))), version)
}

fn parse(id: &str) -> Result<WebhookId, Problem> {
    id.parse().map_err(|_| Problem::not_found())
}

/// The terms in their one spelling, or everything that is wrong with them. What the name of the URL stands for is
/// looked at whenever it is told something.
fn checked(app: &App, mut terms: WebhookTerms) -> Result<WebhookTerms, Problem> {
    let mut issues = Vec::new();
    let mut report = |pointer: &str, code: &str, message: String| {
        issues.push(Issue { pointer: pointer.to_owned(), code: code.to_owned(), message });
    };
    match app.egress.guard().destination(&terms.url) {
        Ok(url) => terms.url = url.into(),
        Err(wrong) => report("/url", "destination", wrong.to_string()),
    }
    if !terms.description.is_empty() && !is_name(&terms.description) {
        report("/description", "length", NAME_RULE.replace("a name", "a description"));
    }
    match &mut terms.event_types {
        Some(kinds) if kinds.is_empty() => {
            report(
                "/event_types",
                "count",
                "name at least one type, or none at all for every one".to_owned(),
            );
        }
        Some(kinds) => {
            kinds.sort_unstable();
            kinds.dedup();
        }
        None => {}
    }
    if issues.is_empty() { Ok(terms) } else { Err(Problem::invalid(issues)) }
}

/// Draws a secret; with it, what is stored of it.
fn new_secret(app: &App, issuer: &Issuer, id: WebhookId) -> (WebhookSecret, Vec<u8>) {
    let secret = WebhookSecret::random(app.random.as_ref());
    let name = id.uuid();
    let sealed =
        issuer.keys.seal_shared(Shared::Webhook, name.as_bytes(), secret.bytes(), app.random.as_ref());
    (secret, sealed)
}

/// What the audit trail is told: of the URL its origin, for the rest of it may let somebody in.
fn told(terms: &WebhookTerms) -> Value {
    let origin = Url::parse(&terms.url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    json!({
        "origin": origin, "description": terms.description, "event_types": terms.event_types,
        "enabled": terms.enabled,
    })
}
