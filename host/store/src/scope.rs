//! The transactions that a [`Store`](crate::Store) hands out, each with the least it needs.

use chancery_domain::TenantId;

use crate::StoreError;
use crate::session::Session;

/// A transaction of one tenant: it sees and writes that tenant's rows and no others.
///
/// Dropped without [`commit`](Self::commit) it changes nothing and closes its connection; a
/// refusal that is expected often is cheaper with [`rollback`](Self::rollback), which keeps it.
/// No transaction is open while a plugin or an outbound call runs.
#[derive(Debug)]
#[must_use = "a transaction that is dropped changes nothing"]
pub struct TenantTx {
    pub(crate) tenant: TenantId,
    pub(crate) session: Session,
    /// The offer whose transaction code was tried in this very transaction.
    pub(crate) tried: Option<chancery_domain::OfferId>,
}

/// A transaction on the deployment's own tables. It has no grant on any tenant's table.
#[derive(Debug)]
#[must_use = "a transaction that is dropped changes nothing"]
pub struct PlatformTx {
    pub(crate) session: Session,
}

/// A transaction that adds one new tenant.
#[derive(Debug)]
#[must_use = "a transaction that is dropped changes nothing"]
pub struct ProvisionTx {
    pub(crate) pool: std::sync::Arc<crate::pool::Pool>,
    pub(crate) session: Option<Session>,
    /// Whether a registration was begun and did not come to its end.
    pub(crate) broken: bool,
}

/// On whose behalf a [`PlatformTx`] is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A person who operates the deployment.
    Operator,
    /// A person who administers a tenant, on the tenants directly below it.
    Parent(TenantId),
    /// A named job of the host.
    Job(&'static str),
}

impl TenantTx {
    /// The tenant whose transaction this is.
    pub fn tenant_id(&self) -> TenantId {
        self.tenant
    }

    /// Makes the transaction's writes durable. Fails, and writes nothing, if any statement failed, was
    /// cancelled, or was refused in a way that leaves half of it done.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.session.commit().await
    }

    /// Undoes the transaction and keeps the connection.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.session.rollback().await
    }
}

impl PlatformTx {
    /// Makes the transaction's writes durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.session.commit().await
    }

    /// Undoes the transaction and keeps the connection.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.session.rollback().await
    }
}

impl ProvisionTx {
    /// Makes the new tenant exist.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.session {
            _ if self.broken => Err(StoreError::Aborted),
            Some(session) => session.commit().await,
            None => Ok(()),
        }
    }
}
