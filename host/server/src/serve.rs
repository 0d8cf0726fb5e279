//! A running host: it listens until it is told to stop, then finishes what it began.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use chancery_store::Cluster;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Config;
use crate::startup::demo::{self, Entrances};
use crate::startup::{self, Prepared, StartError};
use crate::{jobs, routes, tenants};

/// A host that is ready: it has its database, keys, plugins and ports.
pub struct Server {
    app: Arc<App>,
    cluster: Option<Cluster>,
    listeners: Vec<(TcpListener, Router)>,
    public_url: String,
}

impl Server {
    /// Takes every step up to listening.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let listener = listen(config.listen).await?;
        let Prepared { app, cluster } = startup::prepare(config).await?;
        let mut listeners = vec![(listener, routes::public(&app, config))];
        if let Some(address) = config.ops_listen {
            let operations = routes::private(&app);
            listeners.push((listen(address).await?, operations));
        }
        let public_url = config.public_url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { app, cluster, listeners, public_url })
    }

    /// The URL by which the world knows the host, without a trailing slash. Self-hosted, it is the issuer
    /// identifier.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// How to get in, for whoever started the host under development and may do anything to it anyway.
    pub async fn entrances(&self) -> Result<Entrances, StartError> {
        demo::entrances(&self.app).await
    }

    /// Serves until `stop` is ready; answers what was asked, then ends its database.
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        let stopping = CancellationToken::new();
        let jobs = tokio::spawn(jobs::run(self.app.clone(), stopping.clone()));
        let domains = self
            .app
            .tenants
            .workshop
            .saas
            .then(|| tokio::spawn(jobs::look_after_domains(self.app.clone(), stopping.clone())));
        let webhooks = tokio::spawn(jobs::look_after_webhooks(self.app.clone(), stopping.clone()));
        let listening = tokio::spawn(tenants::listen::run(self.app.clone(), stopping.clone()));
        let servers: Vec<_> = self
            .listeners
            .into_iter()
            .map(|(listener, router)| {
                let stopping = stopping.clone();
                let service = router.into_make_service_with_connect_info::<SocketAddr>();
                let service = axum::serve(listener, service);
                tokio::spawn(
                    service.with_graceful_shutdown(async move { stopping.cancelled().await }).into_future(),
                )
            })
            .collect();

        stop.await;
        tracing::info!("stopping");
        stopping.cancel();
        for server in servers {
            // Keep-alive connections may linger for ever; their requests are tracked below.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(5), server).await;
        }
        // It sends couriers out, who are tracked below.
        let _ = webhooks.await;
        self.app.tasks.close();
        self.app.tasks.wait().await;
        let _ = jobs.await;
        let _ = listening.await;
        if let Some(domains) = domains {
            let _ = domains.await;
        }
        self.app.store.close();
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}
