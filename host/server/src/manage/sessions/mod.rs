//! Issuance sessions: what becomes of offers, kept for a while after they are over.

pub(crate) mod forget;
pub(crate) mod list;
pub(crate) mod show;

use chancery_domain::session::SessionState;
use chancery_domain::{AuditEntry, OfferId, OfferState};
use chancery_store::Offer;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::offers::{OfferCredential, state_of};
use crate::issuer::Issuer;

/// An issuance session, without secrets and without its subject.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SessionView {
    /// That of the offer: `ofr_…`
    #[schema(value_type = String)]
    id: OfferId,
    /// `active`, `fetched`, `completed`, `failed`, `expired` or `cancelled`
    state: &'static str,
    /// The same, as the offer says it.
    #[schema(value_type = String)]
    offer_state: OfferState,
    configuration_ids: Vec<String>,
    /// How often a transaction code was tried.
    tx_code_attempts: i16,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// When it is forgotten, some time after.
    #[serde(with = "time::serde::rfc3339")]
    kept_until: OffsetDateTime,
    /// What was issued; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<Vec<OfferCredential>>,
    /// What was done by those who manage the tenant, the newest first; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<SessionEvent>>,
}

/// Something that was done about a session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SessionEvent {
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// As the audit trail says it.
    action: String,
    /// `api-key`, `client`, `operator` or `host`
    actor: String,
}

impl From<AuditEntry> for SessionEvent {
    fn from(entry: AuditEntry) -> Self {
        Self { at: entry.at, action: entry.action, actor: entry.actor }
    }
}

impl SessionView {
    fn new(issuer: &Issuer, row: Offer, now: OffsetDateTime) -> Self {
        let state = state_of(&row, now);
        let kept = Duration::days(issuer.settings.session_retention_days.into());
        Self {
            id: row.id,
            state: SessionState::from(state).as_str(),
            offer_state: state,
            configuration_ids: row.items.into_iter().map(|item| item.configuration_id).collect(),
            tx_code_attempts: row.tx_code_attempts,
            kept_until: row.created_at + kept,
            created_at: row.created_at,
            expires_at: row.expires_at,
            credentials: None,
            history: None,
        }
    }
}
