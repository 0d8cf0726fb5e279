//! What every handler shares.

use std::sync::Arc;

use chancery_credential::keys::Algorithm;
use chancery_domain::{Clock, Random};
use chancery_engine::Engine;
use chancery_store::{Shredder, Store, StoreError, TenantTx};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::caller::KnownKeys;
use crate::egress::Egress;
use crate::egress::dns::Dns;
use crate::issuer::Issuer;
use crate::jobs::Jobs;
use crate::kept_lists::KeptLists;
use crate::operations::check_attestation::ProvidersLists;
use crate::operations::deliver_webhooks::Couriers;
use crate::operations::look_up::LookedUp;
use crate::operations::prepare_dataset::Shadows;
use crate::operations::publish_status_list::PublishedLists;
use crate::operations::resolve_holders::DidDocuments;
use crate::operations::sign_in_upstream::ProviderDocuments;
use crate::operations::take_status_indices::StatusIndices;
use crate::redeemed::RedeemedOffers;
use crate::tallies::Tallies;
use crate::tenants::Tenants;
use crate::tenants::limits::Limits;
use crate::tenants::turns::Turns;
use crate::witness::Witness;

/// The services of one running host.
pub(crate) struct App {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    pub(crate) tenants: Tenants,
    /// Of the embedded database, if this process runs it.
    pub(crate) shredder: Option<Shredder>,
    /// Of a new tenant's signing key.
    pub(crate) first_algorithm: Algorithm,
    pub(crate) known_keys: KnownKeys,
    pub(crate) redeemed: RedeemedOffers,
    pub(crate) status_indices: StatusIndices,
    pub(crate) published_lists: PublishedLists,
    pub(crate) kept_lists: Arc<KeptLists>,
    pub(crate) witness: Witness,
    pub(crate) dns: Dns,
    pub(crate) egress: Egress,
    pub(crate) limits: Limits,
    pub(crate) turns: Turns,
    pub(crate) tallies: Arc<Tallies>,
    pub(crate) shadows: Shadows,
    pub(crate) jobs: Jobs,
    pub(crate) couriers: Couriers,
    /// How many uploads of plugins are read at a time: each holds all of its bytes until it was looked at.
    pub(crate) uploads: Semaphore,
    pub(crate) providers_lists: ProvidersLists,
    pub(crate) did_documents: DidDocuments,
    pub(crate) looked_up: LookedUp,
    pub(crate) provider_documents: ProviderDocuments,
    /// Handlers run here, so that a client that leaves drops the answer, never the work.
    pub(crate) tasks: TaskTracker,
    pub(crate) metrics: metrics_exporter_prometheus::PrometheusHandle,
}

impl App {
    /// The current time.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Opens a transaction that sees the issuer's rows and no others.
    pub(crate) async fn tenant(&self, issuer: &Issuer) -> Result<TenantTx, StoreError> {
        self.store.tenant(issuer.tenant()).await
    }

    /// The platform's own management API, of which every deployment has the pages about problems.
    pub(crate) fn platform_api(&self) -> String {
        format!("{}/api", self.tenants.workshop.public_url.as_str().trim_end_matches('/'))
    }
}
