//! The URLs that tenants advertise.

use std::collections::HashMap;

use chancery_domain::TenantId;
use sqlx::{query, query_as, query_scalar};

use crate::{PlatformTx, StoreError, TenantTx};

/// A URL of one of the tenant's services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicEndpoint {
    /// Which service, such as `issuer`.
    pub service: String,
    /// The URL, without a trailing slash.
    pub url: String,
    /// Whether it is the one that is advertised; the others were, and are still served.
    pub is_primary: bool,
}

impl PlatformTx {
    /// The primary URLs of a service, of those of these tenants that bound one.
    pub async fn primary_endpoints(
        &mut self,
        service: &str,
        tenants: &[TenantId],
    ) -> Result<HashMap<TenantId, String>, StoreError> {
        let ids: Vec<_> = tenants.iter().map(|id| id.uuid()).collect();
        let rows = query!(
            "select tenant_id, url from public_endpoints
             where service = $1 and is_primary and tenant_id = any($2)",
            service,
            &ids
        )
        .fetch_all(self.session.statement())
        .await;
        let rows = self.session.settle(rows)?.into_iter();
        Ok(rows.map(|row| (TenantId::from_uuid(row.tenant_id), row.url)).collect())
    }
}

impl TenantTx {
    /// What the tenant bound, by service, the primary first.
    pub async fn public_endpoints(&mut self) -> Result<Vec<PublicEndpoint>, StoreError> {
        let rows = query_as!(
            PublicEndpoint,
            "select service, url, is_primary from public_endpoints where tenant_id = $1
             order by service, is_primary desc, url",
            self.tenant.uuid()
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)
    }

    /// Makes `url` the one that is advertised. The one before is served on if anything was issued under it.
    pub async fn bind_endpoint(&mut self, service: &str, url: &str) -> Result<(), StoreError> {
        let issued = query_scalar!(r#"select exists (select from issuances) as "issued!""#)
            .fetch_one(self.session.statement())
            .await;
        let issued = self.session.settle(issued)?;
        let done = query!(
            "update public_endpoints set is_primary = false where tenant_id = $1 and service = $2 and is_primary",
            self.tenant.uuid(),
            service
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        if !issued {
            let done = query!(
                "delete from public_endpoints where tenant_id = $1 and service = $2 and url <> $3",
                self.tenant.uuid(),
                service,
                url
            )
            .execute(self.session.statement())
            .await;
            self.session.settle(done)?;
        }
        let done = query!(
            "insert into public_endpoints (service, url, is_primary) values ($1, $2, true)
             on conflict (tenant_id, service, url) do update set is_primary = true",
            service,
            url
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }
}
