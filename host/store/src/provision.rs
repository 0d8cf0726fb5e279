//! Adding a tenant: the only way in.

use chancery_domain::{Tenant, TenantId};
use sqlx::query;

use crate::session::Session;
use crate::{ProvisionTx, StoreError};

/// A tenant that does not exist yet.
#[derive(Debug)]
pub struct NewTenant {
    /// What the directory will know.
    pub tenant: Tenant,
    /// The tenant that administers and licenses it.
    pub parent: Option<TenantId>,
    /// Whether it is the application tenant, of which there is one.
    pub system: bool,
    /// Its seed, sealed.
    pub sealed_seed: Vec<u8>,
    /// Its data key, sealed.
    pub sealed_data_key: Vec<u8>,
}

impl ProvisionTx {
    /// Adds the tenant and its secrets. `false` if the slug is taken, and then nothing was added.
    pub async fn register(&mut self, new: &NewTenant) -> Result<bool, StoreError> {
        let tenant = &new.tenant;
        let session = Session::for_tenant(&self.pool, tenant.id.uuid()).await?;
        let session = self.session.insert(session);
        let inserted = query!(
            "with registered as (
                 insert into tenants (id, slug, name, parent, status, system)
                 values ($1, $2, $3, $4, $5, $6)
                 on conflict (slug) do nothing
                 returning id
             )
             insert into tenant_secrets (tenant_id, sealed_seed, sealed_data_key)
             select id, $7, $8 from registered",
            tenant.id.uuid(),
            tenant.slug,
            tenant.name,
            new.parent.map(TenantId::uuid),
            tenant.status.as_str(),
            new.system,
            new.sealed_seed,
            new.sealed_data_key,
        )
        .execute(session.statement())
        .await;
        let inserted = session.settle(inserted)?.rows_affected();
        Ok(inserted == 1)
    }
}
