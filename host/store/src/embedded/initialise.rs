//! Making a cluster, once, in one step that is done or not done.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, query_scalar, raw_sql};
use tokio::process::Command;

use super::account::Account;
use super::binaries::{Installation, cluster_version};
use super::layout::{Layout, give};
use super::{Durability, EmbeddedError, SUPERUSER, io, tail};

/// Makes the cluster if there is none. `initdb` works in a directory of another name, which is renamed
/// when it is complete: whatever interrupts it, there is never half a cluster.
pub(super) async fn ensure_initialised(
    installation: &Installation,
    layout: &Layout,
    account: &Account,
    durability: Durability,
) -> Result<(), EmbeddedError> {
    if cluster_version(&layout.data).is_some() {
        return Ok(());
    }
    let started = Instant::now();
    tracing::info!(
        version = format!("{}.{}", installation.major, installation.minor),
        "making a PostgreSQL cluster in {}",
        layout.data.display()
    );
    let unfinished = layout.unfinished();
    let mut outcome = initdb(installation, &unfinished, account, durability, "C.UTF-8").await;
    if let Err(EmbeddedError::Step { .. }) = outcome {
        // Not every machine has that locale; C sorts the same way.
        outcome = initdb(installation, &unfinished, account, durability, "C").await;
    }
    outcome?;
    fs::rename(&unfinished, &layout.data).map_err(io("name the cluster", &layout.data))?;
    tracing::info!("made the cluster in {} ms", started.elapsed().as_millis());
    Ok(())
}

async fn initdb(
    installation: &Installation,
    directory: &Path,
    account: &Account,
    durability: Durability,
    locale: &str,
) -> Result<(), EmbeddedError> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(io("remove the unfinished cluster", directory))?;
    }
    fs::DirBuilder::new().mode(0o700).create(directory).map_err(io("make the directory", directory))?;
    give(directory, account)?;
    let mut command = program(installation, "initdb", account);
    command
        .arg("--pgdata")
        .arg(directory)
        .args(["--username", SUPERUSER, "--encoding", "UTF8", "--locale", locale])
        .args(["--data-checksums", "--auth-local", "peer", "--auth-host", "reject"]);
    if durability == Durability::None {
        command.arg("--no-sync");
    }
    let output = command.output().await.map_err(io("run", &installation.program("initdb")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(EmbeddedError::Step { step: "make a cluster", output: tail(&String::from_utf8_lossy(&said)) })
}

/// A program of the installation, as the user it is to run as, with nothing of our environment: no
/// secret, and no setting that would change what it does.
pub(super) fn program(installation: &Installation, name: &str, account: &Account) -> Command {
    let mut command = Command::new(installation.program(name));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC");
    // The directory we are in may be closed to that user.
    command.current_dir("/");
    command.stdin(std::process::Stdio::null());
    if let Some(ids) = account.drop_to {
        command.gid(ids.gid).uid(ids.uid);
    }
    command
}

/// Makes the database if there is none.
pub(super) async fn ensure_database(maintenance_url: &str, name: &str) -> Result<(), EmbeddedError> {
    let failed =
        |error: sqlx::Error| EmbeddedError::Step { step: "make a database", output: error.to_string() };
    let mut connection = PgConnection::connect(maintenance_url).await.map_err(failed)?;
    let there =
        query_scalar!(r#"select exists (select from pg_database where datname = $1) as "there!""#, name)
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
    if !there {
        let create = format!("create database {name}");
        raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.map_err(failed)?;
    }
    connection.close().await.map_err(failed)
}
