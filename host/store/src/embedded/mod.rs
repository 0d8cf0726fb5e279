//! A private PostgreSQL cluster in the data directory, run from binaries found on the machine.
//!
//! It listens on a Unix socket in a directory that only its own user (and root) may enter, admits the
//! host's user as superuser by peer credentials and the serving roles by password, and stops with
//! the host:
//!
//! - [`Cluster::stop`] shuts it down fast and waits;
//! - if the host dies without a word, a watcher process reads the end of a pipe and shuts it down. (The
//!   parent-death signal would not do: it tells of the death of a thread, and threads come and go.)
//! - if both die, the next start finds the postmaster, stops it and starts its own.
//!
//! A lock file, held for the host's life, keeps a second host away from the same directory.

mod account;
mod binaries;
mod initialise;
mod layout;
mod leftover;
mod postmaster;
mod shred;

use std::fs::File;
use std::path::{Path, PathBuf};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use binaries::{BinarySearch, find_binaries};
pub use layout::remove_elsewhere;
pub use shred::Shredder;

use account::Account;
use binaries::Installation;
use layout::Layout;
use postmaster::Postmaster;

/// The superuser of an embedded cluster; only the host's own user can be it.
const SUPERUSER: &str = "chancery";
/// The database in an embedded cluster.
const DATABASE: &str = "chancery";

/// What keeps an embedded cluster from running. The text completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// There is no PostgreSQL to run.
    #[error("find PostgreSQL 15 or later in {}", list(.looked_in))]
    NotFound {
        /// The directories that were looked into.
        looked_in: Vec<PathBuf>,
    },
    /// The cluster was made by another major version.
    #[error(
        "open the cluster of PostgreSQL {cluster} in {} with PostgreSQL {}: install {cluster} again, or dump and restore",
        .data.display(),
        .found.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
    )]
    VersionMismatch {
        /// The directory of the cluster.
        data: PathBuf,
        /// The major version that made it.
        cluster: u32,
        /// The major versions on this machine.
        found: Vec<u32>,
    },
    /// Another host runs on the same directory.
    #[error("lock {}, which another running host uses", .0.display())]
    InUse(PathBuf),
    /// PostgreSQL refuses to run as root, and nobody else is there.
    #[error("find an unprivileged user (postgres or nobody) to run PostgreSQL as")]
    NoUnprivilegedUser,
    /// The user of this process has no name, and PostgreSQL wants one.
    #[error("find the name of user {0} in the password file")]
    NamelessUser(u32),
    /// A step of PostgreSQL's own did not succeed.
    #[error("{step}: {output}")]
    Step {
        /// The step.
        step: &'static str,
        /// The end of what it said.
        output: String,
    },
    /// The file system refused.
    #[error("{doing} {}", .path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

fn list(directories: &[PathBuf]) -> String {
    let names: Vec<_> = directories.iter().map(|path| path.display().to_string()).collect();
    if names.is_empty() { "no directory at all".to_owned() } else { names.join(", ") }
}

/// A running cluster. Dropping it stops it too, without waiting.
#[derive(Debug)]
pub struct Cluster {
    admin_url: String,
    stop: Option<oneshot::Sender<()>>,
    supervisor: JoinHandle<()>,
    _lock: File,
}

impl Cluster {
    /// Starts the cluster of the data directory, making it first if need be.
    pub async fn start(data: &Path, search: &BinarySearch) -> Result<Self, EmbeddedError> {
        Self::start_as(data, search, Durability::Full).await
    }

    /// Starts a cluster that forgets everything when the machine stops: for tests and tools.
    pub async fn start_scratch(data: &Path, search: &BinarySearch) -> Result<Self, EmbeddedError> {
        Self::start_as(data, search, Durability::None).await
    }

    async fn start_as(
        data: &Path,
        search: &BinarySearch,
        durability: Durability,
    ) -> Result<Self, EmbeddedError> {
        let account = Account::to_run_as()?;
        let layout = Layout::prepare(data, &account)?;
        let lock = layout.lock().await?;
        let installation = Installation::choose(search, &layout.data)?;
        installation.warn_if_outdated();
        leftover::stop_leftover(&layout).await?;
        initialise::ensure_initialised(&installation, &layout, &account, durability).await?;
        layout.write_access_rules(&account, SUPERUSER)?;
        let postmaster = Postmaster::start(installation, layout.clone(), account, durability).await?;
        initialise::ensure_database(&layout.url("postgres"), DATABASE).await?;
        let (stop, stopped) = oneshot::channel();
        let supervisor = tokio::spawn(postmaster.supervise(stopped));
        Ok(Self { admin_url: layout.url(DATABASE), stop: Some(stop), supervisor, _lock: lock })
    }

    /// Where the host's own user connects as superuser: to migrate, for nothing else.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// Makes what is deleted disappear from its files.
    pub fn shredder(&self) -> Shredder {
        Shredder { admin_url: self.admin_url.clone() }
    }

    /// Shuts the cluster down fast: open transactions are rolled back. Returns when it is down.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Err(error) = (&mut self.supervisor).await {
            tracing::error!(%error, "the supervisor of the embedded PostgreSQL failed");
        }
    }
}

/// Whether a crash of the machine may cost anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    Full,
    None,
}

/// Adds what was attempted to an error of the file system.
fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> EmbeddedError {
    move |source| EmbeddedError::Io { doing, path: path.to_owned(), source }
}

/// The end of a long text, at a line if possible.
fn tail(text: &str) -> String {
    const KEPT: usize = 1500;
    let text = text.trim();
    let start = text.len().saturating_sub(KEPT);
    let start = (start..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(start..).unwrap_or_default().to_owned()
}
