//! From a name to a tenant.

use std::sync::Arc;

use chancery_domain::tenant::TenantStatus;
use chancery_domain::{Tenant, TenantId};
use sqlx::query_as;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::convert::unsigned;
use crate::pool::Pool;
use crate::session::Session;
use crate::{StoreError, TenantTx};

/// From a name to a tenant, read-only.
#[derive(Debug, Clone)]
pub struct Directory {
    pub(crate) pool: Arc<Pool>,
}

/// A row of the directory.
pub(crate) struct TenantRow {
    pub(crate) id: Uuid,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) parent: Option<Uuid>,
    pub(crate) system: bool,
    pub(crate) version: i32,
    pub(crate) delete_at: Option<OffsetDateTime>,
}

impl TenantRow {
    pub(crate) fn tenant(self) -> Result<Tenant, StoreError> {
        let Self { id, slug, name, status, parent, system, version, delete_at } = self;
        Ok(Tenant {
            id: TenantId::from_uuid(id),
            slug,
            name,
            status: TenantStatus::parse(&status).ok_or_else(|| StoreError::corrupt("tenants", "status"))?,
            parent: parent.map(TenantId::from_uuid),
            system,
            version: unsigned(version, "tenants", "version")?,
            delete_at,
        })
    }
}

impl Directory {
    /// The tenant of that slug, whatever its status; a deleted tenant keeps its slug. System tenants have none.
    pub async fn tenant_by_slug(&self, slug: &str) -> Result<Option<Tenant>, StoreError> {
        let mut session = Session::for_platform(&self.pool).await?;
        let row = query_as!(
            TenantRow,
            "select id, slug, name, status, parent, system, version, delete_at from tenants where slug = $1 and not system",
            slug
        )
        .fetch_optional(session.statement())
        .await;
        let row = session.settle(row)?;
        session.commit().await?;
        row.map(TenantRow::tenant).transpose()
    }

    /// The tenant of that id, whatever its status.
    pub async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        let mut session = Session::for_platform(&self.pool).await?;
        let row = query_as!(
            TenantRow,
            "select id, slug, name, status, parent, system, version, delete_at from tenants where id = $1",
            id.uuid()
        )
        .fetch_optional(session.statement())
        .await;
        let row = session.settle(row)?;
        session.commit().await?;
        row.map(TenantRow::tenant).transpose()
    }

    /// The tenant that administers the deployment, once it was founded.
    pub async fn application_tenant(&self) -> Result<Option<Tenant>, StoreError> {
        let mut session = Session::for_platform(&self.pool).await?;
        let row = query_as!(
            TenantRow,
            "select id, slug, name, status, parent, system, version, delete_at from tenants where system"
        )
        .fetch_optional(session.statement())
        .await;
        let row = session.settle(row)?;
        session.commit().await?;
        row.map(TenantRow::tenant).transpose()
    }

    /// Whether there is any tenant but the application tenant.
    pub async fn has_tenants(&self) -> Result<bool, StoreError> {
        let mut session = Session::for_platform(&self.pool).await?;
        let found =
            sqlx::query_scalar!(r#"select exists (select from tenants where not system) as "found!""#)
                .fetch_one(session.statement())
                .await;
        let found = session.settle(found)?;
        session.commit().await?;
        Ok(found)
    }
}

impl TenantTx {
    /// What the directory says of this very tenant.
    pub async fn itself(&mut self) -> Result<Option<Tenant>, StoreError> {
        let row = query_as!(
            TenantRow,
            "select id, slug, name, status, parent, system, version, delete_at from tenants where id = $1",
            self.tenant.uuid()
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(TenantRow::tenant).transpose()
    }
}
