//! What is left of a tenant that was deleted: a slug, and for a while what verifiers look for.

use sqlx::{AssertSqlSafe, query, query_scalar, raw_sql};
use time::OffsetDateTime;

use crate::convert::{list_number, signed, unsigned};
use crate::{Chore, PlatformTx, StoreError, TenantTx};
use chancery_domain::tenant::TenantStatus;
use chancery_domain::{Tenant, TenantId};

/// The tables that a deleted tenant leaves no row in, children first. The catalogue tests hold the list against
/// the database.
pub const WIPED: [&str; 23] = [
    "sources",
    "holder_providers",
    "webhook_deliveries",
    "webhooks",
    "authorizations",
    "deferrals",
    "refresh_families",
    "idempotent_answers",
    "kept_inputs",
    "seen",
    "offer_subjects",
    "forgotten_statuses",
    "credentials",
    "issuances",
    "offers",
    "status_lists",
    "activations",
    "tenant_plugins",
    "api_keys",
    "clients",
    "configurations",
    "invitations",
    "signing_keys",
];
/// How many rows one statement deletes.
const WIPED_AT_ONCE: u64 = 5_000;

/// A document that was signed, or written, while there were keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastDocument {
    /// Where it is found, below the issuer identifier.
    pub path: String,
    /// What it is.
    pub content_type: String,
    /// The very bytes.
    pub body: Vec<u8>,
    /// When nobody needs it any more.
    pub expires_at: OffsetDateTime,
}

impl PlatformTx {
    /// Ends issuance and has the tenant deleted from `at` on, over the version that was read. `false` if
    /// somebody else was faster.
    pub async fn schedule_burial(&mut self, read: &Tenant, at: OffsetDateTime) -> Result<bool, StoreError> {
        let done = query!(
            "with closed as (
                 update tenants set status = $3, delete_at = $4, version = version + 1
                 where id = $1 and version = $2 and not system
                 returning id
             )
             insert into due (tenant_id, kind, at) select id, $5, $4 from closed
             on conflict (tenant_id, kind) do update set at = excluded.at",
            read.id.uuid(),
            signed(read.version, "tenants", "version")?,
            TenantStatus::Closing.as_str(),
            at,
            Chore::Bury.as_str(),
        )
        .execute(self.session.statement())
        .await;
        let scheduled = self.session.settle(done)?.rows_affected() == 1;
        if scheduled {
            self.announce_change(read.id).await?;
        }
        Ok(scheduled)
    }

    /// Leaves nothing of the tenant's entry but its slug.
    pub async fn tombstone(&mut self, id: TenantId) -> Result<(), StoreError> {
        let done = query!(
            "update tenants set status = $2, name = slug, version = version + 1
             where id = $1 and status <> $2 and not system",
            id.uuid(),
            TenantStatus::Deleted.as_str(),
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        self.settle_registration(id).await?;
        self.forget_decisions_on(id).await?;
        self.announce_change(id).await
    }
}

impl TenantTx {
    /// The numbers and sizes of all status lists.
    pub async fn status_lists(&mut self) -> Result<Vec<(u64, u32)>, StoreError> {
        let rows = query!("select list, size from status_lists order by opened")
            .fetch_all(self.session.statement())
            .await;
        let rows = self.session.settle(rows)?.into_iter();
        rows.map(|row| {
            Ok((list_number(row.list, "status_lists")?, unsigned(row.size, "status_lists", "size")?))
        })
        .collect()
    }

    /// An hour by which everything that the tenant ever signed has expired.
    pub async fn last_expiry(&mut self) -> Result<Option<OffsetDateTime>, StoreError> {
        let last = query_scalar!("select max(expires_hour) from issuances")
            .fetch_one(self.session.statement())
            .await;
        self.session.settle(last)
    }

    /// Gives up the domains and the URLs that led to the tenant. To be done when nobody looks for anything there.
    pub async fn release_addresses(&mut self) -> Result<(), StoreError> {
        let id = self.tenant.uuid();
        let done =
            query!("delete from domains where tenant_id = $1", id).execute(self.session.statement()).await;
        self.session.settle(done)?;
        let done = query!("delete from public_endpoints where tenant_id = $1", id)
            .execute(self.session.statement())
            .await;
        self.session.settle(done).map(drop)
    }

    /// Destroys the tenant's keys, and keeps what was signed with them last. `false`, and nothing is kept, if
    /// they were destroyed before.
    pub async fn bury(&mut self, documents: &[LastDocument]) -> Result<bool, StoreError> {
        let done = query!("delete from tenant_secrets").execute(self.session.statement()).await;
        if self.session.settle(done)?.rows_affected() == 0 {
            return Ok(false);
        }
        let done = query!("delete from imported_keys").execute(self.session.statement()).await;
        self.session.settle(done)?;
        let done = query!("delete from superseded_mac_keys").execute(self.session.statement()).await;
        self.session.settle(done)?;
        self.keep_last_documents(documents).await?;
        Ok(true)
    }

    /// Keeps documents for verifiers, beyond the tenant's life.
    pub async fn keep_last_documents(&mut self, documents: &[LastDocument]) -> Result<(), StoreError> {
        for document in documents {
            let done = query!(
                "insert into last_documents (path, content_type, body, expires_at) values ($1, $2, $3, $4)",
                document.path,
                document.content_type,
                document.body,
                document.expires_at,
            )
            .execute(self.session.statement())
            .await;
            self.session.settle(done)?;
        }
        Ok(())
    }

    /// What verifiers find of the tenant.
    pub async fn last_documents(&mut self) -> Result<Vec<LastDocument>, StoreError> {
        let documents = sqlx::query_as!(
            LastDocument,
            "select path, content_type, body, expires_at from last_documents order by path"
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(documents)
    }

    /// Deletes some of the tenant's rows; how many, zero when nothing is left.
    pub async fn wipe(&mut self) -> Result<u64, StoreError> {
        let mut wiped = 0;
        for table in WIPED {
            let statement = format!(
                "delete from {table} where ctid = any(array(select ctid from {table} limit {WIPED_AT_ONCE}))"
            );
            let done = raw_sql(AssertSqlSafe(statement)).execute(self.session.statement()).await;
            let gone = self.session.settle(done)?.rows_affected();
            wiped += gone;
            // Its parents wait until it is empty.
            if gone == WIPED_AT_ONCE {
                break;
            }
        }
        // Its own; an operator's halt is the operator's to lift.
        let done = query!("delete from halts where tenant_id = $1 and not by_operator", self.tenant.uuid())
            .execute(self.session.statement())
            .await;
        self.session.settle(done)?;
        let done = query!("delete from due where kind <> $1", Chore::Bury.as_str())
            .execute(self.session.statement())
            .await;
        self.session.settle(done)?;
        Ok(wiped)
    }

    /// Deletes documents that nobody needs any more; until when the others are needed.
    pub async fn forget_last_documents(
        &mut self,
        now: OffsetDateTime,
    ) -> Result<Option<OffsetDateTime>, StoreError> {
        let done = query!("delete from last_documents where expires_at <= $1", now)
            .execute(self.session.statement())
            .await;
        self.session.settle(done)?;
        let next = query_scalar!("select min(expires_at) from last_documents")
            .fetch_one(self.session.statement())
            .await;
        self.session.settle(next)
    }
}
