//! Who keeps a shelf of plugins and decides what is active: a tenant, or the deployment for all of them.

use chancery_domain::audit::AuditEntry;
use chancery_domain::plugin::{Approval, Part};
use chancery_domain::template::Revision;
use chancery_domain::{Event, Tenant, TenantId};
use chancery_store::{
    Activation, Back, By, InForce, PlatformTx, Relied, RolledBack, Shelved, StoreError, TenantTx,
};
use serde_json::Value;
use time::OffsetDateTime;

use crate::app::App;
use crate::problem::Problem;

/// Whose shelf and whose activations.
#[derive(Clone, Copy)]
pub(crate) enum Keeper<'a> {
    /// A tenant's own.
    Tenant(&'a Tenant),
    /// The deployment's.
    Deployment,
}

/// A transaction on the keeper's rows.
pub(crate) enum KeeperTx {
    Tenant(Box<TenantTx>),
    Deployment(Box<PlatformTx>),
}

impl Keeper<'_> {
    pub(crate) async fn open(self, app: &App) -> Result<KeeperTx, StoreError> {
        Ok(match self {
            Self::Tenant(tenant) => KeeperTx::Tenant(Box::new(app.store.tenant(tenant.id).await?)),
            Self::Deployment => KeeperTx::Deployment(Box::new(app.store.platform(By::Operator).await?)),
        })
    }

    /// The version of that digest, if the keeper may take from where it stands.
    pub(crate) async fn find(self, app: &App, digest: &[u8; 32]) -> Result<Shelved, Problem> {
        let mut tx = self.open(app).await?;
        let found = tx.plugins(Some(digest)).await?.pop();
        tx.commit().await?;
        found.ok_or_else(Problem::not_found)
    }

    /// What is in force, of a tenant with what it has from the deployment.
    pub(crate) async fn activations(self, app: &App) -> Result<Vec<InForce>, Problem> {
        let mut tx = self.open(app).await?;
        let activations = tx.activations().await?;
        tx.commit().await?;
        Ok(activations)
    }

    /// What credentials of that configuration id rely on.
    pub(crate) async fn relied_on(
        self,
        app: &App,
        configuration_id: &str,
    ) -> Result<Vec<Relied>, StoreError> {
        let mut tx = self.open(app).await?;
        let relied = tx.relied_on(configuration_id).await?;
        tx.commit().await?;
        Ok(relied)
    }

    /// This process has to see what changed; the others are told by the database.
    pub(crate) fn forget(self, app: &App) {
        match self {
            Self::Tenant(tenant) => app.tenants.forget(tenant.id),
            Self::Deployment => app.tenants.forget_all(),
        }
    }

    pub(crate) fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Tenant(tenant) => Some(tenant.id),
            Self::Deployment => None,
        }
    }
}

macro_rules! both {
    ($self:ident, $tx:ident => $call:expr) => {
        match $self {
            Self::Tenant($tx) => $call,
            Self::Deployment($tx) => $call,
        }
    };
}

impl KeeperTx {
    pub(crate) async fn plugins(&mut self, only: Option<&[u8; 32]>) -> Result<Vec<Shelved>, StoreError> {
        both!(self, tx => tx.plugins(only).await)
    }

    pub(crate) async fn shelve(
        &mut self,
        digest: &[u8; 32],
        approval: Approval,
        at: OffsetDateTime,
        by: &str,
    ) -> Result<bool, StoreError> {
        both!(self, tx => tx.shelve(digest, approval, at, by).await)
    }

    pub(crate) async fn keep_signature(
        &mut self,
        digest: &[u8; 32],
        signature: &str,
    ) -> Result<bool, StoreError> {
        both!(self, tx => tx.keep_signature(digest, signature).await)
    }

    pub(crate) async fn approve(&mut self, digest: &[u8; 32]) -> Result<bool, StoreError> {
        both!(self, tx => tx.approve(digest).await)
    }

    pub(crate) async fn unshelve(&mut self, digest: &[u8; 32]) -> Result<bool, StoreError> {
        both!(self, tx => tx.unshelve(digest).await)
    }

    pub(crate) async fn activations(&mut self) -> Result<Vec<InForce>, StoreError> {
        both!(self, tx => tx.activations().await)
    }

    /// Nobody else changes what is active under that id until the transaction ends.
    pub(crate) async fn hold_activations(&mut self, configuration_id: &str) -> Result<(), StoreError> {
        both!(self, tx => tx.hold_activations(configuration_id).await)
    }

    /// What credentials of that configuration id rely on. Nobody else changes what is active under it until the
    /// transaction ends.
    pub(crate) async fn relied_on(&mut self, configuration_id: &str) -> Result<Vec<Relied>, StoreError> {
        both!(self, tx => tx.relied_on(configuration_id).await)
    }

    pub(crate) async fn note_definition(
        &mut self,
        configuration_id: &str,
        revision: &Revision,
        definition: &Value,
    ) -> Result<(), StoreError> {
        both!(self, tx => tx.note_definition(configuration_id, revision, definition).await)
    }

    pub(crate) async fn activate(
        &mut self,
        activation: &Activation,
        part: Part,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        both!(self, tx => tx.activate(activation, part, now).await)
    }

    pub(crate) async fn deactivate(
        &mut self,
        activation: &Activation,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        both!(self, tx => tx.deactivate(activation, now).await)
    }

    /// The components that were active under that id before what is, the latest first.
    pub(crate) async fn predecessors(&mut self, configuration_id: &str) -> Result<Vec<[u8; 32]>, StoreError> {
        both!(self, tx => tx.predecessors(configuration_id).await)
    }

    /// A tenant without a step of its own to undo has what the deployment activated.
    pub(crate) async fn roll_back(
        &mut self,
        configuration_id: &str,
        back: Back<'_>,
        now: OffsetDateTime,
    ) -> Result<RolledBack, StoreError> {
        match self {
            Self::Tenant(tx) => {
                let falls_back = tx.has_default(configuration_id).await?;
                tx.roll_back(configuration_id, Back { falls_back, ..back }, now).await
            }
            Self::Deployment(tx) => tx.roll_back(configuration_id, back, now).await,
        }
    }

    pub(crate) async fn record(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        both!(self, tx => tx.record(entry).await)
    }

    /// Tells webhooks of the keeper, if it is a tenant: the deployment has none.
    pub(crate) async fn tell(&mut self, event: Event) -> Result<(), StoreError> {
        match self {
            Self::Tenant(tx) => tx.tell(&[event]).await,
            Self::Deployment(_) => Ok(()),
        }
    }

    /// Has every replica make the version ready, once this is committed: who activates it waits for none of them.
    pub(crate) async fn announce_version(&mut self, digest: &[u8; 32]) -> Result<(), StoreError> {
        both!(self, tx => tx.announce_component(digest).await)
    }

    /// Commits a change and tells every replica.
    pub(crate) async fn announce_and_commit(mut self) -> Result<(), StoreError> {
        match &mut self {
            Self::Tenant(tx) => tx.announce_change().await?,
            Self::Deployment(tx) => tx.announce_change_of_all().await?,
        }
        self.commit().await
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        both!(self, tx => tx.commit().await)
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        both!(self, tx => tx.rollback().await)
    }
}
