//! From a configuration to an issuer that can serve. Each step refuses with a
//! cause and a fix, and writes nothing that a corrected start could not use.

mod database;
pub(crate) mod demo;
mod doctor;
mod first_key;
mod keys;
mod master;
mod plugins;

use std::sync::Arc;

use chancery_credential::SystemRandom;
use chancery_credential::keys::Algorithm;
use chancery_domain::clock::SystemClock;
use chancery_domain::{Clock, Random};
use chancery_store::Cluster;

use crate::app::App;
use crate::config::{Config, ConfigError, Mode};
use crate::egress::client::Patience;
use crate::egress::dns::Dns;
use crate::egress::{Egress, Guard};
use crate::kept_lists::KeptLists;
use crate::metrics_recorder;
use crate::operations::keep_history::compare;
use crate::tenants::certificates::Certificates;
use crate::tenants::templates::Templates;
use crate::tenants::{LoadError, Tenants, Workshop};
use crate::witness::Witness;

pub use doctor::{Check, Outcome, doctor};
pub use master::{MasterRotated, rotate_master};
pub use plugins::{COMPILER_COMMAND, RUNNER_COMMAND};

/// Why the host does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is no good.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The private PostgreSQL does not run.
    #[error("failed to run the embedded PostgreSQL: {0}")]
    Embedded(#[from] chancery_store::embedded::EmbeddedError),
    /// The database refuses.
    #[error("failed to open the database: {0}")]
    Database(String),
    /// The key is not the one that this database was sealed with. Nothing was written.
    #[error(
        "the key does not open this database: it was founded with another ISSUER_MASTER_KEY (or, without one, \
         another ISSUER_SIGNING_KEY). Start with that key, or, in \
         development, afresh with `chancery dev --reset`; nothing was changed"
    )]
    WrongKey,
    /// Half of the secrets are sealed under a master that is not at hand.
    #[error(
        "the master key is being rotated: start with the next one in ISSUER_MASTER_KEY and the one before in \
         ISSUER_PREVIOUS_MASTER_KEY, or finish with `chancery key rotate-master`; nothing was changed"
    )]
    RotationUnderWay,
    /// The certificate does not fit.
    #[error("the certificate is unusable: {0}")]
    Certificate(String),
    /// No plugin can be used.
    #[error("failed to load plugins: {0}")]
    Plugins(String),
    /// The address is taken or forbidden.
    #[error("failed to listen on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// No DNS server can be asked.
    #[error("failed to find a DNS server: {0} (set CHANCERY_DNS to the address of one)")]
    Dns(String),
    /// A file cannot be used.
    #[error("failed to use {path}: {source}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Anything that a correct program does not meet.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<chancery_store::StoreError> for StartError {
    fn from(error: chancery_store::StoreError) -> Self {
        Self::Database(chain(&error))
    }
}

/// An error with its causes, for people.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl From<std::sync::Arc<LoadError>> for StartError {
    fn from(error: std::sync::Arc<LoadError>) -> Self {
        match error.as_ref() {
            LoadError::Sealed => Self::WrongKey,
            LoadError::Certificate(reason) => Self::Certificate(reason.clone()),
            LoadError::Store(error) => Self::Database(chain(error)),
            LoadError::Unusable(reason) => Self::Internal(reason.clone()),
        }
    }
}

/// Everything that a running host holds, and the cluster that must outlive it.
pub(crate) struct Prepared {
    pub(crate) app: Arc<App>,
    pub(crate) cluster: Option<Cluster>,
}

/// Takes all the steps but listening.
pub(crate) async fn prepare(config: &Config) -> Result<Prepared, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let metrics = metrics_recorder()?;

    let mut keyring = keys::keyring(config)?;
    let database::Opened { store, cluster } = database::open(config, &keyring).await?;
    keys::check(&store, &mut keyring).await?;
    let engine = plugins::start_engine(config, &keyring)?;
    let templates = Templates::new();
    plugins::bring_in(config, clock.now(), &store, &engine, &templates).await?;
    let workshop = Workshop {
        clock: clock.clone(),
        store: store.clone(),
        engine: engine.clone(),
        keyring,
        templates,
        certificates: Certificates::of(config, clock.as_ref(), random.as_ref())?,
        public_url: config.public_url.clone(),
        saas: config.saas().is_some(),
        platform_base: config.saas().and_then(|saas| saas.platform_base.clone()),
        did: config.self_hosted().and_then(|issuer| issuer.did.clone()),
        development: config.development,
    };
    let file = |source| StartError::File { path: config.data.clone(), source };
    let dns = Dns::of(config.dns).map_err(StartError::Dns)?;
    let guard = Guard::of(config.egress_allow.clone(), config.development);
    let egress = Egress::new(guard, dns.clone(), Patience::default());
    let egress = egress.map_err(|error| StartError::Internal(chain(&error)))?;
    let app = Arc::new(App {
        clock,
        random,
        store,
        engine,
        tenants: Tenants::new(workshop),
        shredder: cluster.as_ref().map(Cluster::shredder),
        first_algorithm: config.saas().map_or(Algorithm::Es256, |saas| saas.algorithm),
        known_keys: crate::caller::KnownKeys::default(),
        redeemed: crate::redeemed::RedeemedOffers::default(),
        status_indices: crate::operations::take_status_indices::StatusIndices::default(),
        published_lists: crate::operations::publish_status_list::PublishedLists::default(),
        kept_lists: Arc::new(KeptLists::open(&config.data).map_err(file)?),
        witness: Witness::open(&config.data).map_err(file)?,
        dns,
        egress,
        limits: crate::tenants::limits::Limits::new(config.tenant_rate),
        turns: crate::tenants::turns::Turns::new(config.saas().is_some()),
        tallies: Arc::default(),
        shadows: crate::operations::prepare_dataset::Shadows::default(),
        jobs: crate::jobs::Jobs::default(),
        couriers: crate::operations::deliver_webhooks::Couriers::default(),
        uploads: tokio::sync::Semaphore::new(crate::manage::plugins::upload::MOST_AT_A_TIME),
        looked_up: crate::operations::look_up::LookedUp::default(),
        did_documents: crate::operations::resolve_holders::DidDocuments::default(),
        provider_documents: crate::operations::sign_in_upstream::ProviderDocuments::default(),
        providers_lists: crate::operations::check_attestation::ProvidersLists::default(),
        tasks: tokio_util::task::TaskTracker::new(),
        metrics,
    });
    // Before anything is signed: the database may be older than what wallets hold.
    compare(&app).await?;
    match &config.mode {
        Mode::SelfHosted(issuer) => {
            keys::found_sole_tenant(issuer, &app).await?;
            let missing = || StartError::Internal("the tenant cannot be served".to_owned());
            let issuer = app.tenants.application().await?.ok_or_else(missing)?;
            if !config.development {
                first_key::ensure_first_api_key(&app, &issuer, config).await?;
            }
        }
        Mode::Saas(_) if config.development => demo::found(&app).await?,
        Mode::Saas(_) => {}
    }
    Ok(Prepared { app, cluster })
}

/// Brings the database to this program's version and does nothing else.
pub async fn migrate(config: &Config) -> Result<(), StartError> {
    let keyring = keys::keyring(config)?;
    let opened = database::open(config, &keyring).await?;
    opened.store.close();
    if let Some(cluster) = opened.cluster {
        cluster.stop().await;
    }
    Ok(())
}
