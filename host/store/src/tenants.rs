//! Tenants as the platform administers them: who there is, what they are called, whether they serve.

use chancery_domain::tenant::{Administrator, TenantStatus};
use chancery_domain::{Tenant, TenantId};
use sqlx::{query_as, query_scalar};

use crate::convert::signed;
use crate::directory::TenantRow;
use crate::{Page, PlatformTx, StoreError};

/// Which tenants to list.
#[derive(Debug, Default)]
pub struct TenantFilter {
    /// A part of the slug or of the name, in any case.
    pub search: Option<String>,
    /// Only those directly below this one.
    pub parent: Option<TenantId>,
}

impl PlatformTx {
    /// The tenants that match, the newest first, and the cursor of the next page. System tenants are in no list.
    pub async fn tenants(
        &mut self,
        filter: &TenantFilter,
        page: &Page<TenantId>,
    ) -> Result<(Vec<Tenant>, Option<TenantId>), StoreError> {
        // The wildcards of `like` are no part of what people search for.
        let pattern = filter
            .search
            .as_deref()
            .map(|text| format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")));
        let rows = query_as!(
            TenantRow,
            "select id, slug, name, status, parent, system, version, delete_at from tenants
             where not system
               and ($1::uuid is null or id < $1)
               and ($2::text is null or search like (select lower($2)))
               and ($3::uuid is null or parent = $3)
             order by id desc limit $4",
            page.before.map(TenantId::uuid),
            pattern,
            filter.parent.map(TenantId::uuid),
            i64::from(page.limit) + 1,
        )
        .fetch_all(self.session.statement())
        .await;
        let mut rows: Vec<Tenant> =
            self.session.settle(rows)?.into_iter().map(TenantRow::tenant).collect::<Result<_, _>>()?;
        let more = rows.len() > usize::from(page.limit);
        rows.truncate(page.limit.into());
        let next = rows.last().filter(|_| more).map(|tenant| tenant.id);
        Ok((rows, next))
    }

    /// The tenant of that id, whatever its status, unless it is a system tenant.
    pub async fn tenant(&mut self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        let row = query_as!(
            TenantRow,
            "select id, slug, name, status, parent, system, version, delete_at from tenants where id = $1 and not system",
            id.uuid()
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(TenantRow::tenant).transpose()
    }

    /// Whether a tenant is suspended by its parent, and by nobody else.
    pub async fn is_suspended_by_parent(&mut self, id: TenantId) -> Result<bool, StoreError> {
        let suspended = query_scalar!(
            r#"select exists (
                 select from tenants where id = $1 and status = 'suspended' and suspended_by = 'parent'
             ) as "suspended!""#,
            id.uuid()
        )
        .fetch_one(self.session.statement())
        .await;
        self.session.settle(suspended)
    }

    /// Writes a tenant's name and status over the version that was read; the new version, or none if
    /// somebody else was faster. A suspension ends every token that the tenant gave, for good, and becomes that of
    /// `suspended_by`, if anybody's.
    pub async fn change_tenant(
        &mut self,
        read: &Tenant,
        name: &str,
        status: TenantStatus,
        suspended_by: Option<Administrator>,
    ) -> Result<Option<u32>, StoreError> {
        let version = query_scalar!(
            "update tenants
             set name = $3, status = $4, version = version + 1,
                 token_epoch = token_epoch + case when $4 = 'suspended' and status <> 'suspended' then 1 else 0 end,
                 suspended_by = case when $4 = 'suspended' then coalesce($5, suspended_by) end
             where id = $1 and version = $2 and not system
             returning version",
            read.id.uuid(),
            signed(read.version, "tenants", "version")?,
            name,
            status.as_str(),
            suspended_by.map(Administrator::as_str),
        )
        .fetch_optional(self.session.statement())
        .await;
        let version = self.session.settle(version)?;
        if version.is_some() {
            self.announce_change(read.id).await?;
        }
        version.map(|version| crate::convert::unsigned(version, "tenants", "version")).transpose()
    }
}
