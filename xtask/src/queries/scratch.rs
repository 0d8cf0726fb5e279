//! A PostgreSQL that lives as long as one command: a throw-away cluster with the migrations applied.
//!
//! Not the store's own cluster: the store does not compile while its metadata is stale, which is
//! when this is needed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::workspace::Workspace;

/// What `Store::migrate` prepares before the first migration: roles, a schema, and the table in
/// which it notes what it did. Keep in step with `host/store/src/migrate.rs`.
const PRELUDE: &str = "
    create role chancery_owner nologin;
    create role chancery_tenant login;
    create role chancery_platform login;
    create schema chancery authorization chancery_owner;
    alter database postgres set search_path = chancery;
    set role chancery_owner;
    set search_path = chancery;
    create table _sqlx_migrations (
        version bigint primary key,
        description text not null,
        installed_on timestamptz not null default now(),
        success boolean not null,
        checksum bytea not null,
        execution_time bigint not null
    );
";

/// `nobody`, on every system that PostgreSQL runs on as a child of root.
const UNPRIVILEGED: u32 = 65534;

/// A running cluster; dropping it stops it and removes its files.
pub(super) struct Scratch<'a> {
    workspace: &'a Workspace,
    /// In the system's temporary directory: a socket's path may be no longer than 107 bytes.
    home: PathBuf,
}

impl<'a> Scratch<'a> {
    pub(super) fn start(workspace: &'a Workspace) -> Result<Self> {
        let home = std::env::temp_dir().join(format!("chancery-queries-{}", std::process::id()));
        fs::create_dir(&home).with_context(|| format!("failed to create {}", home.display()))?;
        let scratch = Self { workspace, home };
        fs::set_permissions(&scratch.home, fs::Permissions::from_mode(0o700))?;
        if rustix::process::geteuid().is_root() {
            chown(&scratch.home, Some(UNPRIVILEGED), Some(UNPRIVILEGED))?;
        }
        let data = scratch.data();
        command::output(
            scratch
                .postgres("initdb")
                .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"])
                .arg("--no-locale")
                .arg("--pgdata")
                .arg(&data),
        )?;
        let settings = format!(
            "-c listen_addresses= -c unix_socket_directories='{}' -c fsync=off",
            scratch.home.display()
        );
        // The postmaster keeps what it inherits: without a log file, a pipe of ours would never close.
        command::output(
            scratch
                .postgres("pg_ctl")
                .args(["--wait", "--options", &settings, "--log"])
                .arg(scratch.home.join("log"))
                .arg("--pgdata")
                .arg(&data)
                .arg("start"),
        )?;
        scratch.migrate()?;
        Ok(scratch)
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.home.display())
    }

    fn migrate(&self) -> Result<()> {
        let mut migrations: Vec<PathBuf> = fs::read_dir(self.workspace.root().join("migrations"))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
            .collect();
        migrations.sort();
        let mut script = PRELUDE.to_owned();
        for migration in &migrations {
            script.push_str(
                &fs::read_to_string(migration).with_context(|| format!("read {}", migration.display()))?,
            );
        }
        let file = self.home.join("schema.sql");
        fs::write(&file, script)?;
        let mut psql = self.workspace.command("psql");
        psql.args([
            "--quiet",
            "--no-psqlrc",
            "--set=ON_ERROR_STOP=1",
            "--username=postgres",
            "--dbname=postgres",
        ])
        .arg("--host")
        .arg(&self.home)
        .arg("--file")
        .arg(&file);
        command::output(&mut psql).map(drop).context("failed to apply the migrations")
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// One of PostgreSQL's programs, as a user that it does not refuse to run as.
    fn postgres(&self, program: &str) -> Command {
        let mut command = self.workspace.command(program);
        command.current_dir(Path::new("/"));
        if rustix::process::geteuid().is_root() {
            command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        command
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        // Nothing in it is worth a checkpoint.
        let mut stop = self.postgres("pg_ctl");
        stop.args(["--mode=immediate", "--wait", "--pgdata"]).arg(self.data()).arg("stop");
        command::succeeds(&mut stop);
        let _ = fs::remove_dir_all(&self.home);
    }
}
