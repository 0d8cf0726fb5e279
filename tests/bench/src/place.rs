//! What every benchmark of a server is told: what it runs, and where.

use std::path::PathBuf;

/// Programs and directories.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// The `chancery` binary, built in release mode.
    #[arg(long)]
    pub(crate) chancery: PathBuf,
    /// The directory of the bundled plugins.
    #[arg(long)]
    pub(crate) plugins: PathBuf,
    /// The directory of the PostgreSQL binaries; searched for if absent.
    #[arg(long)]
    pub(crate) postgres: Option<PathBuf>,
    /// An empty or absent directory to work in.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// A tenth of everything, and fewer tenants: to see that it works, not to quote.
    #[arg(long)]
    pub(crate) quick: bool,
}
