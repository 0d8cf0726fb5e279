//! `cargo xtask queries`: asks a real PostgreSQL what every statement of the store takes and
//! returns, and keeps the answers in `.sqlx`, so that nobody needs a database to compile.

mod scratch;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};

use crate::announce::Step;
use crate::command;
use crate::setup;
use crate::workspace::Workspace;
use scratch::Scratch;

/// The one crate that contains SQL.
const STORE: &str = "chancery-store";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Change nothing; fail if the committed metadata is not what PostgreSQL says.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let workspace = setup::database(workspace)?;
    if arguments.check { check(&workspace) } else { renew(&workspace) }
}

fn renew(workspace: &Workspace) -> Result<()> {
    let fresh = describe(workspace)?;
    let committed = committed(workspace);
    if committed.exists() {
        fs::remove_dir_all(&committed)?;
    }
    fs::create_dir_all(&committed)?;
    for (name, answer) in &fresh {
        fs::write(committed.join(name), answer)?;
    }
    println!("{} statements described in .sqlx", fresh.len());
    Ok(())
}

/// Compares the committed metadata with what PostgreSQL says now.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let fresh = describe(workspace)?;
    let committed = read(&committed(workspace))?;
    let stale = committed.iter().filter(|(name, answer)| fresh.get(*name) != Some(*answer)).count();
    let missing = fresh.keys().filter(|name| !committed.contains_key(*name)).count();
    if stale + missing > 0 {
        bail!(
            "{stale} files of .sqlx are stale and {missing} missing; renew them with `cargo xtask queries`"
        );
    }
    println!("{} statements are described as PostgreSQL describes them", fresh.len());
    Ok(())
}

fn committed(workspace: &Workspace) -> PathBuf {
    workspace.root().join(".sqlx")
}

/// Compiles the store against a scratch database; sqlx writes one file per statement.
fn describe(workspace: &Workspace) -> Result<BTreeMap<OsString, Vec<u8>>> {
    let step = Step::begin("asking PostgreSQL about every statement");
    step.tell("starting a scratch database");
    let scratch = Scratch::start(workspace)?;
    let answers = workspace.target().join("queries");
    if answers.exists() {
        fs::remove_dir_all(&answers)?;
    }
    fs::create_dir_all(&answers)?;
    // The macros run only when the crate is compiled, and cargo does not see that they depend on a
    // database: a flag that is new every time makes it compile.
    let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    command::within(
        &step,
        &workspace.target().join("queries.log"),
        workspace
            .cargo("rustc")
            .args(["--package", STORE, "--lib", "--profile=check", "--"])
            .arg(format!("--cfg=described_at=\"{now}\""))
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", &answers)
            .env("DATABASE_URL", scratch.url())
            .env("CARGO_INCREMENTAL", "0"),
    )?;
    let fresh = read(&answers)?;
    step.done("");
    Ok(fresh)
}

fn read(directory: &Path) -> Result<BTreeMap<OsString, Vec<u8>>> {
    let entries = fs::read_dir(directory).with_context(|| format!("read {}", directory.display()))?;
    entries
        .map(|entry| {
            let entry = entry?;
            Ok((entry.file_name(), fs::read(entry.path())?))
        })
        .collect()
}
