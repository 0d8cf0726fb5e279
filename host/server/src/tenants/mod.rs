//! Tenants as they issue: found by what a request's address says, loaded when first asked for, kept in
//! memory until something about them changes.

pub(crate) mod address;
pub(crate) mod certificates;
mod door;
mod here;
mod left_behind;
pub(crate) mod listen;
pub(crate) mod load;
pub(crate) mod templates;

use std::sync::Arc;
use std::time::Duration;

use chancery_domain::TenantId;
use chancery_store::LastDocument;
use moka::future::Cache;

pub(crate) use door::{FrontDoor, knock};
pub(crate) use here::{Issuing, Published, here};
pub(crate) use left_behind::show_left_behind;
pub(crate) use load::{LoadError, Workshop};

use crate::issuer::Issuer;

/// How many tenants are kept ready to issue; an idle tenant costs nothing but its rows.
const READY: u64 = 10_000;
/// How many names are remembered, those that name nobody included.
const NAMES: u64 = 100_000;
/// How long a name may be remembered even if nobody says that it changed.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// The tenants that this process knows.
pub(crate) struct Tenants {
    pub(crate) workshop: Workshop,
    names: Cache<String, Option<TenantId>>,
    issuers: Cache<TenantId, Option<Arc<Issuer>>>,
    left_behind: Cache<TenantId, Arc<Vec<LastDocument>>>,
}

impl Tenants {
    pub(crate) fn new(workshop: Workshop) -> Self {
        Self {
            workshop,
            names: Cache::builder()
                .max_capacity(NAMES)
                .time_to_live(REMEMBERED_FOR)
                .support_invalidation_closures()
                .build(),
            issuers: Cache::builder().max_capacity(READY).time_to_live(REMEMBERED_FOR).build(),
            left_behind: Cache::builder().max_capacity(READY).time_to_live(REMEMBERED_FOR).build(),
        }
    }

    /// The tenant of that id, if the public may see it. Concurrent askers share one load.
    pub(crate) async fn by_id(&self, id: TenantId) -> Result<Option<Arc<Issuer>>, Arc<LoadError>> {
        self.issuers.try_get_with(id, async { Ok(self.workshop.load(id).await?.map(Arc::new)) }).await
    }

    /// The tenant as it is now, whatever was remembered of it.
    pub(crate) async fn reload(&self, id: TenantId) -> Result<Option<Arc<Issuer>>, LoadError> {
        let issuer = self.workshop.load(id).await?.map(Arc::new);
        self.issuers.insert(id, issuer.clone()).await;
        Ok(issuer)
    }

    /// The tenant of that slug. System tenants have no address.
    pub(crate) async fn by_slug(&self, slug: &str) -> Result<Option<Arc<Issuer>>, Arc<LoadError>> {
        match self.named(slug).await? {
            Some(id) => self.by_id(id).await,
            None => Ok(None),
        }
    }

    async fn named(&self, slug: &str) -> Result<Option<TenantId>, Arc<LoadError>> {
        let find = async {
            let found = self.workshop.store.directory().tenant_by_slug(slug).await?;
            Ok::<_, LoadError>(found.filter(|tenant| !tenant.system).map(|tenant| tenant.id))
        };
        self.names.try_get_with_by_ref(slug, find).await
    }

    /// What the tenant of that slug left behind at that path, if it is gone.
    pub(crate) async fn left_behind(
        &self,
        slug: &str,
        path: &str,
    ) -> Result<Option<LastDocument>, Arc<LoadError>> {
        let Some(id) = self.named(slug).await? else { return Ok(None) };
        let find = async {
            let mut tx = self.workshop.store.tenant(id).await?;
            let documents = tx.last_documents().await?;
            tx.commit().await?;
            Ok::<_, LoadError>(Arc::new(documents))
        };
        let documents = self.left_behind.try_get_with(id, find).await?;
        let now = self.workshop.clock.now();
        Ok(documents.iter().find(|document| document.path == path && document.expires_at > now).cloned())
    }

    /// The tenant that administers the deployment, once it was founded. Self-hosted, it is the only one.
    pub(crate) async fn application(&self) -> Result<Option<Arc<Issuer>>, Arc<LoadError>> {
        let find = async {
            let found = self.workshop.store.directory().application_tenant().await?;
            Ok::<_, LoadError>(found.map(|tenant| tenant.id))
        };
        // No slug is empty.
        match self.names.try_get_with_by_ref("", find).await? {
            Some(id) => self.by_id(id).await,
            None => Ok(None),
        }
    }

    /// Something about the tenant changed, its names perhaps; so may have what named nobody.
    pub(crate) async fn forget(&self, id: TenantId) {
        // Fails only if the cache was built without the support for it.
        let _ = self.names.invalidate_entries_if(move |_, named| named.is_none_or(|named| named == id));
        self.issuers.invalidate(&id).await;
        self.left_behind.invalidate(&id).await;
    }

    /// Changes may have been missed.
    pub(crate) fn forget_all(&self) {
        self.names.invalidate_all();
        self.issuers.invalidate_all();
        self.left_behind.invalidate_all();
    }
}
