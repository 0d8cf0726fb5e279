//! The postmaster: started, watched, started again if it dies, stopped with the host.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection as _, PgConnection};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::account::Account;
use super::binaries::Installation;
use super::initialise::program;
use super::layout::{Layout, give};
use super::{Durability, EmbeddedError, io, tail};

/// How long a fast shutdown may take (it writes a checkpoint) before it becomes an immediate one.
pub(super) const FAST_WITHIN: Duration = Duration::from_secs(30);
/// How long an immediate shutdown may take.
pub(super) const IMMEDIATE_WITHIN: Duration = Duration::from_secs(10);
/// How often to look whether it is up.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(15);
/// How often to say that it is still recovering.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// A log that has grown larger is begun anew at the next start.
const LOG_SIZE: u64 = 8 << 20;

/// Waits for the end of its input, which comes when the host is gone, and then shuts the postmaster down
/// fast, if it is still the one of this directory.
const WATCH: &str = r#"
read -r _
read -r pid < "$2/postmaster.pid" && [ "$pid" = "$1" ] && kill -s INT "$1"
"#;

/// A postmaster that is a child of ours.
#[derive(Debug)]
pub(super) struct Postmaster {
    installation: Installation,
    layout: Layout,
    account: Account,
    durability: Durability,
    running: Running,
}

/// The postmaster's process, and the watcher that holds the other end of a pipe of ours.
#[derive(Debug)]
struct Running {
    postmaster: Child,
    _watcher: Child,
}

impl Postmaster {
    /// Starts it and waits until it answers.
    pub(super) async fn start(
        installation: Installation,
        layout: Layout,
        account: Account,
        durability: Durability,
    ) -> Result<Self, EmbeddedError> {
        let mut running = spawn(&installation, &layout, &account, durability)?;
        wait_until_up(&mut running.postmaster, &layout).await?;
        Ok(Self { installation, layout, account, durability, running })
    }

    /// Starts it again whenever it ends by itself, and stops it when told to, or when the
    /// cluster's handle is gone.
    pub(super) async fn supervise(mut self, mut stop: oneshot::Receiver<()>) {
        let mut pause = Duration::from_millis(100);
        loop {
            tokio::select! {
                _ = &mut stop => break,
                ended = self.running.postmaster.wait() => {
                    tracing::error!(?ended, "the embedded PostgreSQL ended by itself, starting it again");
                }
            }
            loop {
                // Its own children need a moment to notice that it is gone.
                sleep(pause).await;
                match self.start_again().await {
                    Ok(()) => {
                        pause = Duration::from_millis(100);
                        break;
                    }
                    Err(error) => tracing::error!(%error, "cannot start the embedded PostgreSQL again"),
                }
                pause = (pause * 2).min(Duration::from_secs(5));
                if stop.try_recv() != Err(oneshot::error::TryRecvError::Empty) {
                    return;
                }
            }
        }
        if let Some(pid) = self.running.postmaster.id().and_then(pid_of) {
            tracing::debug!("stopping the embedded PostgreSQL");
            let _ = kill_process(pid, Signal::INT);
            if timeout(FAST_WITHIN, self.running.postmaster.wait()).await.is_err() {
                tracing::warn!("the embedded PostgreSQL does not stop, stopping it hard");
                let _ = kill_process(pid, Signal::QUIT);
                let _ = timeout(IMMEDIATE_WITHIN, self.running.postmaster.wait()).await;
            }
        }
    }

    async fn start_again(&mut self) -> Result<(), EmbeddedError> {
        self.running = spawn(&self.installation, &self.layout, &self.account, self.durability)?;
        wait_until_up(&mut self.running.postmaster, &self.layout).await
    }
}

fn spawn(
    installation: &Installation,
    layout: &Layout,
    account: &Account,
    durability: Durability,
) -> Result<Running, EmbeddedError> {
    let path = layout.log();
    let grown = fs::metadata(&path).is_ok_and(|found| found.len() > LOG_SIZE);
    let mut options = OpenOptions::new();
    options.create(true).append(!grown).write(true).truncate(grown).mode(0o600);
    let log = options.open(&path).map_err(io("open", &path))?;
    give(&path, account)?;

    let mut command = program(installation, "postgres", account);
    command.arg("-D").arg(&layout.data);
    for (name, value) in settings(layout, durability) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    // A group of its own: the host decides what an interrupt from the terminal means.
    command.process_group(0).stdout(Stdio::null()).stderr(log);
    let postmaster = command.spawn().map_err(io("run", &installation.program("postgres")))?;
    let watcher = watch(&postmaster, layout, account)?;
    Ok(Running { postmaster, _watcher: watcher })
}

fn settings(layout: &Layout, durability: Durability) -> Vec<(&'static str, String)> {
    let in_run = |name: &str| layout.run.join(name).display().to_string();
    let mut settings = vec![
        ("listen_addresses", String::new()),
        ("unix_socket_directories", format!("\"{}\"", layout.socket.display())),
        ("unix_socket_permissions", "0700".to_owned()),
        ("hba_file", in_run("pg_hba.conf")),
        ("ident_file", in_run("pg_ident.conf")),
        ("password_encryption", "scram-sha-256".to_owned()),
        ("max_connections", "100".to_owned()),
        ("shared_buffers", "64MB".to_owned()),
        // A deleted tenant's sealed keys must not linger in segments that wait to be written over.
        ("wal_recycle", "off".to_owned()),
        ("max_wal_size", "256MB".to_owned()),
        ("min_wal_size", "32MB".to_owned()),
        ("jit", "off".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
        ("log_line_prefix", "%m [%p] ".to_owned()),
        // Statements carry no claims, but the setting of a password is one.
        ("log_min_error_statement", "panic".to_owned()),
        ("logging_collector", "off".to_owned()),
        ("cluster_name", "chancery".to_owned()),
    ];
    if durability == Durability::None {
        settings.extend([("fsync", "off".to_owned()), ("full_page_writes", "off".to_owned())]);
    }
    settings
}

/// Starts the watcher. Its pipe is closed by the kernel when we end, however we end.
fn watch(postmaster: &Child, layout: &Layout, account: &Account) -> Result<Child, EmbeddedError> {
    let shell = Path::new("/bin/sh");
    let mut command = Command::new(shell);
    command
        .args(["-c", WATCH, "chancery-watch"])
        .arg(postmaster.id().unwrap_or_default().to_string())
        .arg(&layout.data)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(ids) = account.drop_to {
        command.gid(ids.gid).uid(ids.uid);
    }
    command.spawn().map_err(io("run", shell))
}

/// Waits until it answers, as long as it lives: after a crash it may have much to read again.
async fn wait_until_up(postmaster: &mut Child, layout: &Layout) -> Result<(), EmbeddedError> {
    let url = layout.url("postgres");
    let started = Instant::now();
    let mut reported = started;
    loop {
        if let Ok(connection) = PgConnection::connect(&url).await {
            let _ = connection.close().await;
            tracing::debug!("the embedded PostgreSQL is up after {} ms", started.elapsed().as_millis());
            return Ok(());
        }
        let ended = postmaster.try_wait().map_err(io("wait for", &layout.data))?;
        if ended.is_some() {
            let log = fs::read(layout.log()).unwrap_or_default();
            let output = tail(&String::from_utf8_lossy(&log));
            return Err(EmbeddedError::Step { step: "start PostgreSQL", output });
        }
        if reported.elapsed() > REPORT_EVERY {
            tracing::info!("waiting for the embedded PostgreSQL to recover");
            reported = Instant::now();
        }
        sleep(LOOK_EVERY).await;
    }
}

pub(super) fn pid_of(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}
