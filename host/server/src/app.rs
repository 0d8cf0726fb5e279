//! What every handler shares.

use std::sync::Arc;

use chancery_domain::{Clock, Random};
use chancery_engine::Engine;
use chancery_store::{Store, StoreError, TenantTx};
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;

use crate::caller::KnownKeys;
use crate::issuer::Issuer;
use crate::jobs::Jobs;
use crate::operations::find_template::PinnedTemplates;
use crate::operations::publish_status_list::PublishedLists;
use crate::operations::take_status_indices::StatusIndices;

/// The services of one running host.
pub(crate) struct App {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    /// The one tenant of a self-hosted host.
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) known_keys: KnownKeys,
    pub(crate) pinned: PinnedTemplates,
    pub(crate) status_indices: StatusIndices,
    pub(crate) published_lists: PublishedLists,
    pub(crate) jobs: Jobs,
    /// Handlers run here, so that a client that leaves drops the answer, never the work.
    pub(crate) tasks: TaskTracker,
    pub(crate) metrics: metrics_exporter_prometheus::PrometheusHandle,
}

impl App {
    /// The tenant that a request is for.
    pub(crate) fn issuer(&self) -> &Arc<Issuer> {
        &self.issuer
    }

    /// The current time.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Opens a transaction that sees the issuer's rows and no others.
    pub(crate) async fn tenant(&self, issuer: &Issuer) -> Result<TenantTx, StoreError> {
        self.store.tenant(issuer.tenant()).await
    }
}
