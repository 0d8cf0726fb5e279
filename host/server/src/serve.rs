//! A running host: it listens until it is told to stop, then finishes what it began.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use chancery_domain::scope::Scope;
use chancery_store::Cluster;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::app::App;
use crate::config::Config;
use crate::manage::api_keys::create_api_key;
use crate::startup::{self, Prepared, StartError};
use crate::{jobs, routes};

/// A host that is ready: it has its database, keys, plugins and ports.
pub struct Server {
    app: Arc<App>,
    cluster: Option<Cluster>,
    listeners: Vec<(TcpListener, Router)>,
}

impl Server {
    /// Takes every step up to listening.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let listener = listen(config.listen).await?;
        let Prepared { app, cluster } = startup::prepare(config).await?;
        let listeners = match config.ops_listen {
            Some(address) => {
                vec![(listener, routes::public(&app)), (listen(address).await?, routes::operations(&app))]
            }
            None => vec![(listener, routes::public(&app).merge(routes::operations(&app)))],
        };
        Ok(Self { app, cluster, listeners })
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.app.issuer().identifier
    }

    /// The tenant's slug.
    pub fn slug(&self) -> &str {
        &self.app.issuer().slug
    }

    /// The URL by which the world knows the host, without a trailing slash.
    pub fn public_url(&self) -> &str {
        self.issuer()
    }

    /// Where the management API lives.
    pub fn management_url(&self) -> String {
        self.app.issuer().management_url()
    }

    /// Makes an API key; for whoever started the host, who may do anything to it anyway.
    pub async fn create_api_key(&self, name: &str, scopes: &[Scope]) -> Result<String, StartError> {
        let (_, secret) =
            create_api_key(&self.app, self.app.issuer(), name.to_owned(), scopes.to_vec()).await?;
        Ok(secret.as_str().to_owned())
    }

    /// Serves until `stop` is ready; answers what was asked, then ends its database.
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        let stopping = CancellationToken::new();
        let jobs = tokio::spawn(jobs::run(self.app.clone(), stopping.clone()));
        let servers: Vec<_> = self
            .listeners
            .into_iter()
            .map(|(listener, router)| {
                let stopping = stopping.clone();
                let service = axum::serve(listener, router);
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
        self.app.tasks.close();
        self.app.tasks.wait().await;
        let _ = jobs.await;
        self.app.store.close();
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

/// The issuer identifier of a public URL: without a trailing slash.
pub(crate) fn identifier_of(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
