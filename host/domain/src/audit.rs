//! The audit trail: who changed what, in which request, told without secrets and without claims.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::tenant::TenantChange;
use crate::{ApiKeyId, AuditEntryId, ClientId, RequestId, StatusChange};

/// Who makes a change, and in which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// Who.
    pub actor: Actor,
    /// The request; none if the host acts of its own accord.
    pub request: Option<RequestId>,
}

impl Author {
    /// The host itself, of its own accord.
    pub const HOST: Self = Self { actor: Actor::Host, request: None };
}

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The holder of a tenant's API key.
    ApiKey(ApiKeyId),
    /// A tenant's client.
    Client(ClientId),
    /// An operator, by a key or as a client of the application tenant.
    Operator(Uuid),
    /// The host, where nobody is asked who they are.
    Host,
}

impl Actor {
    /// The word that the database and the API use.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::ApiKey(_) => "api-key",
            Self::Client(_) => "client",
            Self::Operator(_) => "operator",
            Self::Host => "host",
        }
    }

    /// The key or the client by which they were known.
    pub const fn uuid(self) -> Option<Uuid> {
        match self {
            Self::ApiKey(key) => Some(key.uuid()),
            Self::Client(client) => Some(client.uuid()),
            Self::Operator(id) => Some(id),
            Self::Host => None,
        }
    }
}

macro_rules! actions {
    ($($name:ident = $word:literal;)*) => {
        /// What was done, in the past tense.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each says what it means")]
        pub enum Action {
            $($name,)*
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word that the database and the API use.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

actions! {
    OfferCreated = "offer.created";
    OfferCancelled = "offer.cancelled";
    DeferralCompleted = "deferral.completed";
    DeferralRefused = "deferral.refused";
    CredentialRevoked = "credential.revoked";
    CredentialSuspended = "credential.suspended";
    CredentialReinstated = "credential.reinstated";
    StatusesRecovered = "statuses.recovered";
    ApiKeyCreated = "api-key.created";
    ApiKeyRenamed = "api-key.renamed";
    ApiKeyRevoked = "api-key.revoked";
    ClientAdmitted = "client.admitted";
    ClientChanged = "client.changed";
    ClientSecretRotated = "client.secret-rotated";
    ClientRemoved = "client.removed";
    InvitationAccepted = "invitation.accepted";
    DomainClaimed = "domain.claimed";
    DomainVerificationAsked = "domain.verification-asked";
    DomainReleased = "domain.released";
    EndpointBound = "endpoint.bound";
    OperatorAdmitted = "operator.admitted";
    OperatorDismissed = "operator.dismissed";
    KeyRotated = "key.rotated";
    KeyImported = "key.imported";
    KeyRevoked = "key.revoked";
    KeyCertified = "key.certified";
    KeysMoved = "key.moved";
    MasterReplaced = "master.replaced";
    HaltOrdered = "halt.ordered";
    HaltLifted = "halt.lifted";
    PluginUploaded = "plugin.uploaded";
    PluginApproved = "plugin.approved";
    PluginDiscarded = "plugin.discarded";
    PluginQuarantined = "plugin.quarantined";
    PluginReleased = "plugin.released";
    PluginActivated = "plugin.activated";
    PluginDeactivated = "plugin.deactivated";
    PluginRolledBack = "plugin.rolled-back";
    PolicyInstalled = "policy.installed";
    PolicyRemoved = "policy.removed";
    LicenseInstalled = "license.installed";
    LicenseRemoved = "license.removed";
    WebhookCreated = "webhook.created";
    WebhookChanged = "webhook.changed";
    WebhookSecretRotated = "webhook.secret-rotated";
    WebhookDeleted = "webhook.deleted";
    WebhookTested = "webhook.tested";
    WebhookReplayed = "webhook.replayed";
    WebhookDisabled = "webhook.disabled";
    SourceSet = "source.set";
    SourceRemoved = "source.removed";
    ProviderSet = "provider.set";
    ProviderRemoved = "provider.removed";
    ConfigurationChanged = "configuration.changed";
    DecisionReplayed = "decision.replayed";
    SessionForgotten = "session.forgotten";
    PlatformFounded = "platform.founded";
    TenantRegistered = "tenant.registered";
    SubtenantOrdered = "subtenant.ordered";
    SubtenantChangeOrdered = "subtenant.change-ordered";
    TenantRenamed = "tenant.renamed";
    TenantApproved = "tenant.approved";
    TenantRejected = "tenant.rejected";
    TenantSuspended = "tenant.suspended";
    TenantResumed = "tenant.resumed";
    TenantClosed = "tenant.closed";
    TenantDeleted = "tenant.deleted";
}

impl Action {
    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == word)
    }
}

impl From<TenantChange> for Action {
    fn from(change: TenantChange) -> Self {
        match change {
            TenantChange::Approve => Self::TenantApproved,
            TenantChange::Reject => Self::TenantRejected,
            TenantChange::Suspend => Self::TenantSuspended,
            TenantChange::Resume => Self::TenantResumed,
            TenantChange::Close => Self::TenantClosed,
            TenantChange::Delete => Self::TenantDeleted,
        }
    }
}

impl From<StatusChange> for Action {
    fn from(change: StatusChange) -> Self {
        match change {
            StatusChange::Revoke => Self::CredentialRevoked,
            StatusChange::Suspend => Self::CredentialSuspended,
            StatusChange::Reinstate => Self::CredentialReinstated,
        }
    }
}

/// One change, as it is told for ever: in words, so that an entry can be read (and verified) by a program
/// that does not know them, be it older or be they forged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Names the entry.
    pub id: AuditEntryId,
    /// When.
    pub at: OffsetDateTime,
    /// Who: [`Actor::kind`].
    pub actor: String,
    /// The key or the client by which they were known.
    pub actor_id: Option<Uuid>,
    /// What was done: [`Action::as_str`].
    pub action: String,
    /// To what: an id in its textual form.
    pub target: String,
    /// What was there before, as far as it changed: JSON.
    pub before: Option<String>,
    /// What is there now: JSON.
    pub after: Option<String>,
    /// In which request.
    pub request: Option<RequestId>,
}

/// What a change changes, as small as it can be told; `null` where there was or is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// What was there before.
    pub before: Value,
    /// What is there now.
    pub after: Value,
}

impl Changed {
    /// Something new.
    pub fn made(after: Value) -> Self {
        Self { before: Value::Null, after }
    }
}

impl AuditEntry {
    /// The entry of a change that is about to be written.
    pub fn new(
        id: AuditEntryId,
        at: OffsetDateTime,
        author: Author,
        action: Action,
        target: impl Into<String>,
        changed: &Changed,
    ) -> Self {
        let text = |value: &Value| (!value.is_null()).then(|| value.to_string());
        Self {
            id,
            at,
            actor: author.actor.kind().to_owned(),
            actor_id: author.actor.uuid(),
            action: action.as_str().to_owned(),
            target: target.into(),
            before: text(&changed.before),
            after: text(&changed.after),
            request: author.request,
        }
    }

    /// The bytes that a seal is over: the fields in this order, each preceded by its length, so that no two
    /// entries give the same. The time in microseconds, which is what the database keeps.
    pub fn canonical(&self) -> Vec<u8> {
        let microseconds = self.at.unix_timestamp_nanos().div_euclid(1_000);
        let mut bytes = Vec::with_capacity(256);
        let mut field = |field: &[u8]| {
            bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
            bytes.extend_from_slice(field);
        };
        field(self.id.uuid().as_bytes());
        field(&microseconds.to_be_bytes());
        field(self.actor.as_bytes());
        field(self.actor_id.as_ref().map_or(&[][..], |id| id.as_bytes()));
        field(self.action.as_bytes());
        field(self.target.as_bytes());
        // A JSON text is never empty, so nothing is told apart from everything else.
        field(self.before.as_deref().unwrap_or_default().as_bytes());
        field(self.after.as_deref().unwrap_or_default().as_bytes());
        field(self.request.map(RequestId::uuid).as_ref().map_or(&[][..], |id| id.as_bytes()));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn entry() -> AuditEntry {
        let now = OffsetDateTime::UNIX_EPOCH;
        let author = Author {
            actor: Actor::ApiKey(ApiKeyId::new(now, [1; 10])),
            request: Some(RequestId::new(now, [2; 10])),
        };
        let changed = Changed { before: json!({ "status": "valid" }), after: json!({ "status": "revoked" }) };
        let id = AuditEntryId::new(now, [3; 10]);
        AuditEntry::new(id, now, author, Action::CredentialRevoked, "crd_1", &changed)
    }

    #[test]
    fn a_word_is_read_back() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(*action));
        }
        assert_eq!(Action::parse("offer.eaten"), None);
    }

    #[test]
    fn whatever_changes_in_an_entry_changes_its_bytes() {
        let one = entry();
        let variants = [
            one.clone(),
            AuditEntry { id: AuditEntryId::new(one.at, [4; 10]), ..one.clone() },
            AuditEntry { at: one.at + time::Duration::MICROSECOND, ..one.clone() },
            AuditEntry { actor: "operator".to_owned(), ..one.clone() },
            AuditEntry { actor_id: None, ..one.clone() },
            AuditEntry { actor_id: None, request: None, ..one.clone() },
            AuditEntry { request: None, ..one.clone() },
            AuditEntry { action: "credential.suspended".to_owned(), ..one.clone() },
            AuditEntry { target: "crd_2".to_owned(), ..one.clone() },
            AuditEntry { before: None, ..one.clone() },
            AuditEntry { after: None, ..one.clone() },
            AuditEntry { before: one.after.clone(), after: one.before.clone(), ..one.clone() },
            AuditEntry {
                before: None,
                after: Some([one.before.unwrap(), one.after.unwrap()].concat()),
                ..entry()
            },
        ];
        let distinct: BTreeSet<Vec<u8>> = variants.iter().map(AuditEntry::canonical).collect();
        assert_eq!(distinct.len(), variants.len());
    }
}
