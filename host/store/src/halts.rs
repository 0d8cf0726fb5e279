//! Halts, as an operator and as a tenant sees them. Row-level security tells the two apart.

use chancery_domain::halt::{Halt, HaltScope};
use chancery_domain::{HaltId, TenantId};
use sqlx::query;

use crate::convert::{digest, signed, unsigned};
use crate::session::Session;
use crate::{PlatformTx, StoreError, TenantTx};

impl TenantTx {
    /// Every halt that concerns the tenant, the newest first.
    pub async fn halts(&mut self) -> Result<Vec<Halt>, StoreError> {
        halts(&mut self.session).await
    }

    /// Stops what the halt names, of this tenant.
    pub async fn order_halt(&mut self, halt: &Halt) -> Result<(), StoreError> {
        order(&mut self.session, halt).await?;
        self.announce_change().await
    }

    /// Lifts a halt that the tenant ordered. `false` if there is none of that id.
    pub async fn lift_halt(&mut self, id: HaltId) -> Result<bool, StoreError> {
        let lifted = lift(&mut self.session, id).await?;
        if lifted {
            self.announce_change().await?;
        }
        Ok(lifted)
    }
}

impl PlatformTx {
    /// Every halt that an operator ordered, the newest first.
    pub async fn halts(&mut self) -> Result<Vec<Halt>, StoreError> {
        halts(&mut self.session).await
    }

    /// Stops what the halt names.
    pub async fn order_halt(&mut self, halt: &Halt) -> Result<(), StoreError> {
        order(&mut self.session, halt).await?;
        self.announce_change_of_all().await
    }

    /// Lifts a halt that an operator ordered. `false` if there is none of that id.
    pub async fn lift_halt(&mut self, id: HaltId) -> Result<bool, StoreError> {
        let lifted = lift(&mut self.session, id).await?;
        if lifted {
            self.announce_change_of_all().await?;
        }
        Ok(lifted)
    }
}

async fn halts(session: &mut Session) -> Result<Vec<Halt>, StoreError> {
    let rows = query!(
        "select id, tenant_id, component, key_version, kid, by_operator, reason from halts order by id desc"
    )
    .fetch_all(session.statement())
    .await;
    let scope = |tenant: Option<TenantId>, component: Option<Vec<u8>>, key: Option<(i32, String)>| {
        Ok::<_, StoreError>(match (tenant, component, key) {
            (None, None, None) => HaltScope::Global,
            (Some(tenant), None, None) => HaltScope::Tenant(tenant),
            (tenant, Some(component), None) => {
                HaltScope::Plugin { component: digest(&component, "halts", "component")?, tenant }
            }
            (Some(tenant), None, Some((version, kid))) => {
                HaltScope::Key { tenant, version: unsigned(version, "halts", "key_version")?, kid }
            }
            _ => return Err(StoreError::corrupt("halts", "key_version")),
        })
    };
    let rows = session.settle(rows)?.into_iter();
    rows.map(|row| {
        let tenant = row.tenant_id.map(TenantId::from_uuid);
        Ok(Halt {
            id: HaltId::from_uuid(row.id),
            scope: scope(tenant, row.component, row.key_version.zip(row.kid))?,
            by_operator: row.by_operator,
            reason: row.reason,
        })
    })
    .collect()
}

async fn order(session: &mut Session, halt: &Halt) -> Result<(), StoreError> {
    let component = match &halt.scope {
        HaltScope::Plugin { component, .. } => Some(component.as_slice()),
        _ => None,
    };
    let (version, kid) = match &halt.scope {
        HaltScope::Key { version, kid, .. } => {
            (Some(signed(*version, "halts", "key_version")?), Some(kid.as_str()))
        }
        _ => (None, None),
    };
    let done = query!(
        "insert into halts (id, tenant_id, component, key_version, kid, by_operator, reason)
         values ($1, $2, $3, $4, $5, $6, $7)",
        halt.id.uuid(),
        halt.scope.tenant().map(TenantId::uuid),
        component,
        version,
        kid,
        halt.by_operator,
        halt.reason,
    )
    .execute(session.statement())
    .await;
    session.settle(done).map(drop)
}

async fn lift(session: &mut Session, id: HaltId) -> Result<bool, StoreError> {
    let done = query!("delete from halts where id = $1", id.uuid()).execute(session.statement()).await;
    Ok(session.settle(done)?.rows_affected() == 1)
}
