//! Tenants as they issue: found by what a request's address says, loaded when first asked for, kept in
//! memory until something about them changes.

pub(crate) mod address;
pub(crate) mod certificates;
mod door;
mod here;
pub(crate) mod keys;
mod left_behind;
pub(crate) mod limits;
pub(crate) mod listen;
pub(crate) mod load;
mod remembered;
pub(crate) mod templates;
pub(crate) mod turns;
mod vouched;

use std::sync::Arc;

use chancery_domain::TenantId;
use chancery_store::LastDocument;

pub(crate) use door::{FrontDoor, knock};
pub(crate) use here::{Issuing, Published, here, not_at_present};
pub(crate) use keys::private_key;
pub(crate) use left_behind::show_left_behind;
pub(crate) use load::{LoadError, Workshop};

use self::remembered::{Changes, Remembered};
use crate::issuer::Issuer;

/// How many tenants are kept ready to issue; an idle tenant costs nothing but its rows.
const READY: u64 = 10_000;
/// How many names are remembered, those that name nobody included.
const NAMES: u64 = 100_000;
/// The tenants that this process knows.
pub(crate) struct Tenants {
    pub(crate) workshop: Workshop,
    changes: Changes,
    names: Remembered<String, Option<TenantId>>,
    issuers: Remembered<Place, Option<Arc<Issuer>>>,
    left_behind: Remembered<TenantId, Arc<Vec<LastDocument>>>,
}

/// A tenant at one of its addresses; none means its primary one.
type Place = (TenantId, Option<String>);

impl Tenants {
    pub(crate) fn new(workshop: Workshop) -> Self {
        Self {
            workshop,
            changes: Changes::new(),
            names: Remembered::at_most(NAMES),
            issuers: Remembered::at_most(READY),
            left_behind: Remembered::at_most(READY),
        }
    }

    /// The tenant of that id, if the public may see it, as it is at the address `asked`. Concurrent askers
    /// share one load.
    pub(crate) async fn by_id(
        &self,
        id: TenantId,
        asked: Option<String>,
    ) -> Result<Option<Arc<Issuer>>, Arc<LoadError>> {
        let place = (id, asked.clone());
        let load = || async { Ok(self.workshop.load(id, asked.as_deref()).await?.map(Arc::new)) };
        self.issuers.recall(&self.changes, place, |_| Some(id), load).await
    }

    /// The tenant as it is now, whatever was remembered of it.
    pub(crate) async fn reload(
        &self,
        id: TenantId,
        asked: Option<String>,
    ) -> Result<Option<Arc<Issuer>>, LoadError> {
        self.changes.note(id);
        let at = self.changes.heard();
        let issuer = self.workshop.load(id, asked.as_deref()).await?.map(Arc::new);
        self.issuers.keep((id, asked), issuer.clone(), at).await;
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
        let find = || async {
            let found = self.workshop.store.directory().tenant_by_slug(slug).await?;
            Ok(found.filter(|tenant| !tenant.system).map(|tenant| tenant.id))
        };
        self.names.recall(&self.changes, slug.to_owned(), |id| *id, find).await
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
        let find = || async { Ok(self.workshop.store.directory().tenant_by_domain(domain).await?) };
        self.names.recall(&self.changes, domain.to_owned(), |id| *id, find).await
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
        let find = || async {
            let mut tx = self.workshop.store.tenant(id).await?;
            let documents = tx.last_documents().await?;
            tx.commit().await?;
            Ok(Arc::new(documents))
        };
        let documents = self.left_behind.recall(&self.changes, id, |_| Some(id), find).await?;
        let now = self.workshop.clock.now();
        Ok(documents.iter().find(|document| document.path == path && document.expires_at > now).cloned())
    }

    /// The tenant that administers the deployment, once it was founded. Self-hosted, it is the only one.
    pub(crate) async fn application(&self) -> Result<Option<Arc<Issuer>>, Arc<LoadError>> {
        let find = || async {
            let found = self.workshop.store.directory().application_tenant().await?;
            Ok(found.map(|tenant| tenant.id))
        };
        // No slug and no domain is empty.
        match self.names.recall(&self.changes, String::new(), |id| *id, find).await? {
            Some(id) => self.by_id(id, None).await,
            None => Ok(None),
        }
    }

    /// Something about the tenant changed, its names perhaps; so may have what named nobody.
    pub(crate) fn forget(&self, id: TenantId) {
        self.changes.note(id);
    }

    /// Changes may have been missed.
    pub(crate) fn forget_all(&self) {
        self.changes.note_all();
    }
}
