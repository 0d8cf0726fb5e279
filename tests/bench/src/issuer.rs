//! The issuer under measurement: a PostgreSQL cluster and the `chancery` binary, both ended with us.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chancery_store::Cluster;
use chancery_store::embedded::{BinarySearch, remove_elsewhere};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::cost::{Family, Used};
use crate::http::Connection;

/// How long the issuer may take to start; it compiles its plugins first.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long it may take to finish its work.
const FAREWELL: Duration = Duration::from_secs(20);

/// Where the issuer is reached, and with which key.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// `host:port`
    pub(crate) host: String,
    /// What the issuer's paths begin with, if there are many on that host.
    pub(crate) prefix: String,
    /// The issuer identifier.
    pub(crate) issuer: String,
    pub(crate) api_key: String,
}

/// A PostgreSQL cluster, durable as in production.
pub(crate) struct Database {
    data: PathBuf,
    cluster: Cluster,
    counters: PgConnection,
    processes: Family,
}

impl Database {
    /// Makes a cluster in `data` and starts it.
    pub(crate) async fn start(data: &Path, postgres: Option<&Path>) -> Result<Self> {
        let search = BinarySearch { directory: postgres.map(Path::to_owned), path: std::env::var_os("PATH") };
        std::fs::create_dir_all(data)?;
        // A run that was killed may have left one where PostgreSQL's own user can reach it.
        remove_elsewhere(data)?;
        let cluster = Cluster::start(data, &search).await?;
        let mut counters = PgConnection::connect(cluster.admin_url()).await?;
        let backend: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut counters).await?;
        let processes = Family::of_parent(u32::try_from(backend)?)?;
        Ok(Self { data: data.to_owned(), cluster, counters, processes })
    }

    pub(crate) fn admin_url(&self) -> &str {
        self.cluster.admin_url()
    }

    /// Processor time of all processes of the cluster.
    pub(crate) fn used(&self) -> Result<Duration> {
        self.processes.used()
    }

    /// Bytes of write-ahead log so far.
    pub(crate) async fn wal(&mut self) -> Result<u64> {
        let bytes: i64 =
            sqlx::query_scalar("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8")
                .fetch_one(&mut self.counters)
                .await?;
        Ok(u64::try_from(bytes)?)
    }

    /// What it is, for the document.
    pub(crate) async fn version(&mut self) -> Result<String> {
        Ok(sqlx::query_scalar("select current_setting('server_version')")
            .fetch_one(&mut self.counters)
            .await?)
    }

    /// Stops the cluster and deletes it.
    pub(crate) async fn stop(self) -> Result<()> {
        let _ = self.counters.close().await;
        self.cluster.stop().await;
        remove_elsewhere(&self.data)?;
        std::fs::remove_dir_all(&self.data)?;
        Ok(())
    }
}

/// A running `chancery dev`.
pub(crate) struct Server {
    child: Child,
    processes: Family,
    /// Its first tenant.
    pub(crate) address: Address,
    /// The key of its operator, if there are many tenants.
    pub(crate) operator: Option<String>,
}

/// What a server is started from, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    /// The `chancery` binary.
    pub(crate) binary: &'a Path,
    /// The directory of the bundled plugins.
    pub(crate) plugins: &'a Path,
    /// Where the server keeps its files, in `issuer`.
    pub(crate) data: &'a Path,
    /// Beside what it needs anyway.
    pub(crate) environment: &'a [(&'a str, &'a str)],
}

impl Server {
    /// Starts the binary on `database` and waits until it serves.
    pub(crate) async fn start(start: Start<'_>, database: &Database) -> Result<Self> {
        Self::listening(start, database, 0).await
    }

    /// Starts another process on the same database, with the same keys, that serves the same issuer.
    pub(crate) async fn twin(&self, first: Start<'_>, database: &Database) -> Result<Self> {
        let data = first.data.join("twin");
        let (from, to) = (first.data.join("issuer"), data.join("issuer"));
        std::fs::create_dir_all(&to)?;
        for entry in std::fs::read_dir(from)?.flatten() {
            let name = entry.file_name();
            if entry.path().is_file() && name != "dev.json" {
                std::fs::copy(entry.path(), to.join(name))?;
            }
        }
        let public = format!("http://{}", self.address.host);
        let mut environment = first.environment.to_vec();
        environment.push(("CHANCERY_PUBLIC_URL", &public));
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let start = Start { data: &data, environment: &environment, ..first };
        let mut twin = Self::listening(start, database, port).await?;
        twin.address = Address { host: format!("127.0.0.1:{port}"), ..self.address.clone() };
        Ok(twin)
    }

    async fn listening(start: Start<'_>, database: &Database, port: u16) -> Result<Self> {
        let Start { binary, plugins, data, environment } = start;
        let log = std::fs::File::create(data.join("chancery.log"))?;
        let mut child = Command::new(binary)
            .args(["dev", "--output", "json", "--port", &port.to_string(), "--data"])
            .arg(data.join("issuer"))
            .envs(environment.iter().copied())
            .env("DATABASE_URL", database.admin_url())
            .env("CHANCERY_PLUGINS", plugins)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("read its output")?).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.context("wait for the issuer")??;
        let Some(line) = line else {
            let said = std::fs::read_to_string(data.join("chancery.log")).unwrap_or_default();
            bail!("the issuer does not start:\n{said}");
        };
        let said: Value = serde_json::from_str(&line).context("read what the issuer says of itself")?;
        let text = |pointer: &str| {
            let found = said.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            found.with_context(|| format!("find {pointer} in what the issuer says of itself"))
        };
        let (url, issuer) = (text("/public_url")?, text("/tenants/0/issuer")?);
        let host = url.strip_prefix("http://").context("reach the issuer by http")?.to_owned();
        let prefix = issuer.strip_prefix(&url).context("find the issuer on its host")?.to_owned();
        let processes = Family(child.id().context("find the issuer's process")?);
        let address = Address { host, prefix, issuer, api_key: text("/tenants/0/token")? };
        Ok(Self { child, processes, address, operator: text("/platform/token").ok() })
    }

    pub(crate) fn processes(&self) -> Family {
        self.processes
    }

    /// Whether it runs, as far as anybody noticed.
    pub(crate) fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Transactions and round trips so far, as the server counts them.
    pub(crate) async fn traffic(&self) -> Result<(u64, u64)> {
        let mut connection = Connection::open(&self.address.host).await?;
        let answer = connection.send("GET", "/metrics", &[], "").await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let counter = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse().ok()).with_context(|| format!("find the metric {name}"))
        };
        Ok((
            counter("chancery_database_transactions_total")?,
            counter("chancery_database_round_trips_total")?,
        ))
    }

    /// Asks it to stop, and insists if it does not.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let process = i32::try_from(self.processes.0).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(process) = process {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        match timeout(FAREWELL, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(()),
            Ok(status) => bail!("the issuer did not stop in peace: {}", status?),
            Err(_) => bail!("the issuer did not stop within {} s", FAREWELL.as_secs()),
        }
    }
}

/// What the three have used so far.
pub(crate) fn used(server: &Server, database: &Database) -> Result<Used> {
    Ok(Used { server: server.processes.used()?, database: database.used()?, driver: crate::cost::own() })
}
