//! What waits to be done for a tenant, and since when; so that no job ever walks all tenants.

use chancery_domain::TenantId;
use sqlx::{query, query_scalar};
use time::OffsetDateTime;

use crate::{PlatformTx, StoreError, TenantTx};

/// A kind of work that a job does for one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// Expiring offers, forgetting what was used up.
    Sweep,
    /// Sealing what the audit trail was told.
    Seal,
    /// Making the next key active, retiring one whose credentials are over.
    TurnKeys,
    /// Forgetting offers that were kept long enough.
    Forget,
    /// Deleting the tenant.
    Bury,
    /// Telling webhooks what happened.
    Deliver,
}

impl Chore {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Seal => "seal",
            Self::TurnKeys => "turn-keys",
            Self::Forget => "forget",
            Self::Bury => "bury",
            Self::Deliver => "deliver",
        }
    }
}

impl PlatformTx {
    /// Tenants for which the chore is due, the longest waiting first.
    pub async fn due(
        &mut self,
        chore: Chore,
        now: OffsetDateTime,
        most: u32,
    ) -> Result<Vec<TenantId>, StoreError> {
        let ids = query_scalar!(
            "select tenant_id from due where kind = $1 and at <= $2 order by at limit $3",
            chore.as_str(),
            now,
            i64::from(most)
        )
        .fetch_all(self.session.statement())
        .await;
        Ok(self.session.settle(ids)?.into_iter().map(TenantId::from_uuid).collect())
    }
}

impl TenantTx {
    /// Has the chore done by then, or earlier if it is due earlier.
    pub async fn due_by(&mut self, chore: Chore, at: OffsetDateTime) -> Result<(), StoreError> {
        let done = query!(
            "insert into due (kind, at) values ($1, $2)
             on conflict (tenant_id, kind) do update set at = least(due.at, excluded.at)",
            chore.as_str(),
            at
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Says when the chore is due next, if ever.
    pub async fn due_again(&mut self, chore: Chore, at: Option<OffsetDateTime>) -> Result<(), StoreError> {
        let done = match at {
            Some(at) => {
                query!(
                    "insert into due (kind, at) values ($1, $2)
                     on conflict (tenant_id, kind) do update set at = excluded.at",
                    chore.as_str(),
                    at
                )
                .execute(self.session.statement())
                .await
            }
            None => {
                query!("delete from due where kind = $1", chore.as_str())
                    .execute(self.session.statement())
                    .await
            }
        };
        self.session.settle(done).map(drop)
    }
}
