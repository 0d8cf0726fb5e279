//! Audit trails: who changed what, one row for each change, and the seals that chain them.

mod trail;

use chancery_domain::audit::Action;
use chancery_domain::{AuditEntry, AuditEntryId, RequestId};
use sqlx::query;
use time::OffsetDateTime;

use crate::{Page, PlatformTx, StoreError, TenantTx};

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those that tell of this action.
    pub action: Option<Action>,
    /// Those that tell of this thing.
    pub target: Option<String>,
}

/// A seal over some entries and, by way of its predecessor's hash, over all before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// Counts from one.
    pub number: u32,
    /// When it was made.
    pub sealed_at: OffsetDateTime,
    /// Over the predecessor's hash and the digests of the entries.
    pub hash: [u8; 32],
    /// Authenticates the hash.
    pub mac: [u8; 32],
}

/// An entry under a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The entry.
    pub entry: AuditEntryId,
    /// Of its bytes, when it was sealed.
    pub digest: [u8; 32],
}

/// A trail: one tenant's own, or the platform's.
#[expect(async_fn_in_trait, reason = "implemented for the two transactions of this crate, used as they are")]
pub trait AuditTrail {
    /// A page of entries, the newest first, and where the next one begins.
    async fn audit_entries(
        &mut self,
        filter: &AuditFilter,
        page: &Page<AuditEntryId>,
    ) -> Result<(Vec<AuditEntry>, Option<AuditEntryId>), StoreError>;

    /// The entries of these ids, as far as they are there.
    async fn audit_entries_of(&mut self, ids: &[AuditEntryId]) -> Result<Vec<AuditEntry>, StoreError>;

    /// Entries that wait for a seal, the earliest first.
    async fn unsealed_entries(&mut self, most: u32) -> Result<Vec<AuditEntry>, StoreError>;

    /// How many entries wait for a seal.
    async fn count_unsealed(&mut self) -> Result<u64, StoreError>;

    /// The newest seal.
    async fn last_seal(&mut self) -> Result<Option<Seal>, StoreError>;

    /// Seals the entries. `false`, and the transaction is to be rolled back, if another replica made a seal of
    /// that number or sealed one of the entries.
    async fn seal_entries(&mut self, seal: &Seal, links: &[Link]) -> Result<bool, StoreError>;

    /// The seals that follow the one of that number, in order.
    async fn seals_after(&mut self, number: u32, most: u32) -> Result<Vec<Seal>, StoreError>;

    /// The seal of that number.
    async fn seal(&mut self, number: u32) -> Result<Option<Seal>, StoreError>;

    /// Whether there is a seal of that hash.
    async fn has_seal(&mut self, hash: &[u8; 32]) -> Result<bool, StoreError>;

    /// What is under a seal, in order.
    async fn links(&mut self, seal: u32) -> Result<Vec<Link>, StoreError>;

    /// The first entries after one id and up to another, but for those that wait for a seal.
    async fn entries_between(
        &mut self,
        after: AuditEntryId,
        up_to: AuditEntryId,
        most: u32,
    ) -> Result<Vec<AuditEntryId>, StoreError>;

    /// Those of the entries that are under no seal at all. All seals are read for it.
    async fn sealed_nowhere(&mut self, ids: &[AuditEntryId]) -> Result<Vec<AuditEntryId>, StoreError>;

    /// Some of the entries that wait for a seal but are gone.
    async fn lost_entries(&mut self) -> Result<Vec<AuditEntryId>, StoreError>;
}

impl TenantTx {
    /// Tells of a change, in the transaction that makes it. The entry waits for a seal.
    pub async fn record(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let done = query!(
            "with entry as (
                 insert into audit_entries
                     (id, at, actor, actor_id, action, target, before, after, request_id)
                 values ($1, $2, $3, $4, $5, $6, $7::text::json, $8::text::json, $9)
             ), waiting as (
                 insert into audit_waiting (entry_id) values ($1)
             )
             insert into due (kind, at) values ('seal', $2) on conflict do nothing",
            entry.id.uuid(),
            entry.at,
            entry.actor,
            entry.actor_id,
            entry.action,
            entry.target,
            entry.before,
            entry.after,
            entry.request.map(RequestId::uuid),
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Tells the platform, in the transaction that makes the change: of this very tenant's registration, or, for the
    /// application tenant, of who administers the deployment.
    pub async fn record_for_platform(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        record_for_platform(&mut self.session, entry).await
    }

    /// Says when the tenant's entries are to be sealed again; never, until there is a new one. (An entry that
    /// is committed in the very instant of that last visit is sealed with the tenant's next one, or after
    /// its next sweep.)
    pub async fn seal_again(&mut self, at: Option<OffsetDateTime>) -> Result<(), StoreError> {
        let done = query!(
            "with over as (delete from due where kind = 'seal' and $1::timestamptz is null)
             update due set at = $1 where kind = 'seal' and $1 is not null",
            at
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }
}

impl PlatformTx {
    /// Tells of a change, in the transaction that makes it. The entry waits for a seal.
    pub async fn record(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        record_for_platform(&mut self.session, entry).await
    }
}

async fn record_for_platform(
    session: &mut crate::session::Session,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let done = query!(
        "with entry as (
             insert into platform_audit_entries
                 (id, at, actor, actor_id, action, target, before, after, request_id)
             values ($1, $2, $3, $4, $5, $6, $7::text::json, $8::text::json, $9)
         )
         insert into platform_audit_waiting (entry_id) values ($1)",
        entry.id.uuid(),
        entry.at,
        entry.actor,
        entry.actor_id,
        entry.action,
        entry.target,
        entry.before,
        entry.after,
        entry.request.map(RequestId::uuid),
    )
    .execute(session.statement())
    .await;
    session.settle(done).map(drop)
}
