//! The audit trail, as those who oversee see it.

pub(crate) mod list;
pub(crate) mod verify;

use chancery_domain::{ApiKeyId, AuditEntry, AuditEntryId, ClientId, RequestId};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

/// One change, as it was told when it was made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AuditEntryView {
    /// `aud_…`
    #[schema(value_type = String)]
    id: AuditEntryId,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// `api-key`, `client`, `operator`, or `host` where nobody was asked who they are.
    actor: String,
    /// The id of the key or of the client by which they were known.
    actor_id: Option<String>,
    /// What was done, such as `credential.revoked`.
    action: String,
    /// To what: its id.
    target: String,
    /// What was there before, as far as it changed.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// What was there afterwards.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// `x-request-id` of the answer to the request that made the change.
    #[schema(value_type = Option<String>)]
    request_id: Option<RequestId>,
}

impl From<AuditEntry> for AuditEntryView {
    fn from(entry: AuditEntry) -> Self {
        let read = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            id: entry.id,
            at: entry.at,
            actor_id: entry.actor_id.map(|id| match entry.actor.as_str() {
                "client" => ClientId::from_uuid(id).to_string(),
                _ => ApiKeyId::from_uuid(id).to_string(),
            }),
            actor: entry.actor,
            action: entry.action,
            target: entry.target,
            before: read(entry.before),
            after: read(entry.after),
            request_id: entry.request,
        }
    }
}
