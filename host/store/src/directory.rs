//! From a name to a tenant.

use std::sync::Arc;

use chancery_domain::tenant::TenantStatus;
use chancery_domain::{Tenant, TenantId};
use sqlx::query_as;
use uuid::Uuid;

use crate::StoreError;
use crate::pool::Pool;
use crate::session::Session;

/// From a name to a tenant, read-only.
#[derive(Debug, Clone)]
pub struct Directory {
    pub(crate) pool: Arc<Pool>,
}

struct Row {
    id: Uuid,
    slug: String,
    name: String,
    status: String,
}

impl Row {
    fn tenant(self) -> Result<Tenant, StoreError> {
        let Self { id, slug, name, status } = self;
        let status = TenantStatus::parse(&status).ok_or_else(|| StoreError::corrupt("tenants", "status"))?;
        Ok(Tenant { id: TenantId::from_uuid(id), slug, name, status })
    }
}

impl Directory {
    /// The tenant of that slug, whatever its status; a deleted tenant keeps its slug.
    pub async fn tenant_by_slug(&self, slug: &str) -> Result<Option<Tenant>, StoreError> {
        let mut session = Session::for_platform(&self.pool).await?;
        let row = query_as!(Row, "select id, slug, name, status from tenants where slug = $1", slug)
            .fetch_optional(session.statement())
            .await;
        let row = session.settle(row)?;
        session.commit().await?;
        row.map(Row::tenant).transpose()
    }

    /// The tenant of that id, whatever its status.
    pub async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        let mut session = Session::for_platform(&self.pool).await?;
        let row = query_as!(Row, "select id, slug, name, status from tenants where id = $1", id.uuid())
            .fetch_optional(session.statement())
            .await;
        let row = session.settle(row)?;
        session.commit().await?;
        row.map(Row::tenant).transpose()
    }

    /// The only tenant, where there is exactly one.
    pub async fn sole_tenant(&self) -> Result<Option<Tenant>, StoreError> {
        let mut session = Session::for_platform(&self.pool).await?;
        let rows = query_as!(Row, "select id, slug, name, status from tenants limit 2")
            .fetch_all(session.statement())
            .await;
        let mut rows = session.settle(rows)?;
        session.commit().await?;
        match (rows.pop(), rows.pop()) {
            (Some(row), None) => row.tenant().map(Some),
            _ => Ok(None),
        }
    }
}
