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
pub(crate) use here::{Issuing, Published, here, not_at_present};
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
    issuers: Cache<Place, Option<Arc<Issuer>>>,
    left_behind: Cache<TenantId, Arc<Vec<LastDocument>>>,
}

/// A tenant at one of its addresses; none means its primary one.
type Place = (TenantId, Option<String>);

impl Tenants {
    pub(crate) fn new(workshop: Workshop) -> Self {
        Self {
            workshop,
            names: Cache::builder()
                .max_capacity(NAMES)
                .time_to_live(REMEMBERED_FOR)
                .support_invalidation_closures()
                .build(),
            issuers: Cache::builder()
                .max_capacity(READY)
                .time_to_live(REMEMBERED_FOR)
                .support_invalidation_closures()
                .build(),
            left_behind: Cache::builder()
                .max_capacity(READY)
                .time_to_live(REMEMBERED_FOR)
                .support_invalidation_closures()
                .build(),
        }
    }

    /// The tenant of that id, if the public may see it, as it is at the address `asked`. Concurrent askers
    /// share one load.
    pub(crate) async fn by_id(
        &self,
        id: TenantId,
        asked: Option<String>,
    ) -> Result<Option<Arc<Issuer>>, Arc<LoadError>> {
        let load = async { Ok(self.workshop.load(id, asked.as_deref()).await?.map(Arc::new)) };
        self.issuers.try_get_with((id, asked.clone()), load).await
    }

    /// The tenant as it is now, whatever was remembered of it.
    pub(crate) async fn reload(
        &self,
        id: TenantId,
        asked: Option<String>,
    ) -> Result<Option<Arc<Issuer>>, LoadError> {
        let issuer = self.workshop.load(id, asked.as_deref()).await?.map(Arc::new);
        self.forget(id);
        self.issuers.insert((id, asked), issuer.clone()).await;
        Ok(issuer)
    }

    /// The tenant of that slug, as it is at `asked`. System tenants have no address.
    pub(crate) async fn by_slug(
        &self,
        slug: &str,
        asked: Option<String>,
    ) -> Result<Option<Arc<Issuer>>, Arc<LoadError>> {
        match self.named(slug).await? {
            Some(id) => self.by_id(id, asked).await,
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

    /// The tenant that holds the domain, as it is there.
    pub(crate) async fn by_domain(
        &self,
        domain: &str,
        asked: Option<String>,
    ) -> Result<Option<Arc<Issuer>>, Arc<LoadError>> {
        match self.holder(domain).await? {
            Some(id) => self.by_id(id, asked).await,
            None => Ok(None),
        }
    }

    async fn holder(&self, domain: &str) -> Result<Option<TenantId>, Arc<LoadError>> {
        let find =
            async { Ok::<_, LoadError>(self.workshop.store.directory().tenant_by_domain(domain).await?) };
        self.names.try_get_with_by_ref(domain, find).await
    }

    /// What the tenant of that slug, or at that domain, left behind at that path, if it is gone.
    pub(crate) async fn left_behind(
        &self,
        name: &str,
        path: &str,
    ) -> Result<Option<LastDocument>, Arc<LoadError>> {
        // A slug has no dot, a domain has one.
        let id = if name.contains('.') { self.holder(name).await? } else { self.named(name).await? };
        let Some(id) = id else { return Ok(None) };
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
        // No slug and no domain is empty.
        match self.names.try_get_with_by_ref("", find).await? {
            Some(id) => self.by_id(id, None).await,
            None => Ok(None),
        }
    }

    /// Something about the tenant changed, its names perhaps; so may have what named nobody.
    pub(crate) fn forget(&self, id: TenantId) {
        // Fails only if the cache was built without the support for it.
        let _ = self.names.invalidate_entries_if(move |_, named| named.is_none_or(|named| named == id));
        let _ = self.issuers.invalidate_entries_if(move |(of, _), _| *of == id);
        let _ = self.left_behind.invalidate_entries_if(move |of, _| *of == id);
    }

    /// Changes may have been missed.
    pub(crate) fn forget_all(&self) {
        self.names.invalidate_all();
        self.issuers.invalidate_all();
        self.left_behind.invalidate_all();
    }
}
