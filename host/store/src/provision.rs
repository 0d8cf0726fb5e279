//! Adding a tenant: the only way in.

use chancery_domain::onboarding::{Channel, Full, Held};
use chancery_domain::{AuditEntry, Tenant, TenantId};
use sqlx::query;

use crate::licenses::Passage;
use crate::session::Session;
use crate::{Gate, NewApiKey, NewInvitation, ProvisionTx, StoreError, StoredKey, TenantTx};

/// A tenant that does not exist yet, with all that it begins with.
#[derive(Debug)]
pub struct NewTenant {
    /// What the directory will know.
    pub tenant: Tenant,
    /// The check value of the master that sealed what follows.
    pub sealed_under: [u8; 16],
    /// Its seed, sealed.
    pub sealed_seed: Vec<u8>,
    /// Its data key, sealed.
    pub sealed_data_key: Vec<u8>,
    /// The public halves of its keys.
    pub keys: Vec<StoredKey>,
    /// Who manages it first.
    pub api_key: Option<NewApiKey>,
    /// Who is invited to.
    pub invitation: Option<NewInvitation>,
    /// What the platform's audit trail says of it.
    pub audit: AuditEntry,
    /// What its parent's trail says of it, if the parent ordered it.
    pub ordered: Option<AuditEntry>,
    /// Why it has to wait, if it has to, and by which way it came.
    pub held: Option<(Channel, Held)>,
}

/// What became of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The tenant was added.
    Added,
    /// The slug is taken, the parent is none that could have one below it, or there is an application tenant.
    Taken,
    /// All places are taken.
    Full(Full),
    /// Another licence is in force than the one that the registration was judged by.
    Moved,
}

impl ProvisionTx {
    /// Adds the tenant as [`register`](Self::register) does, if the licence that it was judged by still is the one
    /// in force and has a place left.
    pub async fn admit(&mut self, new: &NewTenant, gate: &Gate) -> Result<Admission, StoreError> {
        self.add(new, Some(gate)).await
    }

    /// Adds the tenant with everything that it begins with. `false` if the slug is taken, if its parent is
    /// none that could have one below it, or if it is the application tenant and there is one; and then
    /// nothing was added.
    pub async fn register(&mut self, new: &NewTenant) -> Result<bool, StoreError> {
        Ok(self.add(new, None).await? == Admission::Added)
    }

    async fn add(&mut self, new: &NewTenant, gate: Option<&Gate>) -> Result<Admission, StoreError> {
        let tenant = &new.tenant;
        self.broken = true;
        let session = Session::for_tenant(&self.pool, tenant.id.uuid()).await?;
        let mut tx = TenantTx { tenant: tenant.id, session, tried: None };
        tx.insist_on_master(new.sealed_under).await?;
        let passage = match gate {
            Some(gate) => tx.pass(gate, tenant.parent.is_none()).await?,
            None => Passage::Open,
        };
        let admission = match passage {
            Passage::Full(full) => Admission::Full(full),
            Passage::Moved => Admission::Moved,
            Passage::Open if tx.add_itself(new).await? => Admission::Added,
            Passage::Open => Admission::Taken,
        };
        if admission == Admission::Added {
            for key in &new.keys {
                tx.add_signing_key(key).await?;
            }
            if let Some(key) = &new.api_key {
                tx.create_api_key(key).await?;
            }
            if let Some(invitation) = &new.invitation {
                tx.invite(invitation).await?;
            }
            if let Some((channel, held)) = &new.held {
                tx.hold(*channel, held).await?;
            }
            tx.record_for_platform(&new.audit).await?;
            tx.announce_change().await?;
            if let (Some(parent), Some(ordered)) = (tenant.parent, &new.ordered) {
                // Only now, as nothing else is written: the transaction ends as the parent's.
                tx.session.turn_to(parent.uuid()).await?;
                tx.record(ordered).await?;
            }
        }
        self.session = Some(tx.session);
        self.broken = false;
        Ok(admission)
    }
}

impl TenantTx {
    async fn add_itself(&mut self, new: &NewTenant) -> Result<bool, StoreError> {
        let tenant = &new.tenant;
        let inserted = query!(
            "with registered as (
                 insert into tenants (id, slug, name, parent, status, system)
                 select $1, $2, $3, $4, $5, $6
                 where $4::uuid is null
                    or exists (select from tenants p where p.id = $4 and not p.system and p.status = 'active')
                 on conflict do nothing
                 returning id
             )
             insert into tenant_secrets (tenant_id, sealed_seed, sealed_data_key)
             select id, $7, $8 from registered",
            tenant.id.uuid(),
            tenant.slug,
            tenant.name,
            tenant.parent.map(TenantId::uuid),
            tenant.status.as_str(),
            tenant.system,
            new.sealed_seed,
            new.sealed_data_key,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(inserted)?.rows_affected() == 1)
    }
}
