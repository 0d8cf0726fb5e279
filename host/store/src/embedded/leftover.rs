//! A postmaster that outlived its host, and what it leaves behind.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use super::layout::{Layout, SOCKET_FILE};
use super::postmaster::{FAST_WITHIN, IMMEDIATE_WITHIN, LOOK_EVERY, pid_of};
use super::{EmbeddedError, io};

/// How long orphaned backends may take to notice that their postmaster is gone.
const ORPHANS_WITHIN: Duration = Duration::from_secs(10);

/// Stops a postmaster that outlived its host; we hold the lock, so no living host needs it. It
/// could be used as it is, but its watcher may be about to stop it, and it may have been started by another
/// version of this program.
pub(super) async fn stop_leftover(layout: &Layout) -> Result<(), EmbeddedError> {
    if !Path::new("/proc/self/cwd").exists() {
        // Whose process it is cannot be told here; PostgreSQL itself refuses if in doubt.
        return Ok(());
    }
    let data = &layout.data;
    if !data.join("postmaster.pid").exists() {
        return Ok(());
    }
    for (signal, patience) in [(Signal::INT, FAST_WITHIN), (Signal::QUIT, IMMEDIATE_WITHIN)] {
        let Some(pid) = postmaster_of(data) else { break };
        tracing::info!(pid = pid.as_raw_nonzero().get(), "stopping the PostgreSQL of a host that is gone");
        let _ = kill_process(pid, signal);
        wait_while(patience, || postmaster_of(data).is_some()).await;
    }
    wait_while(ORPHANS_WITHIN, || has_processes(data)).await;
    if has_processes(data) {
        return Err(EmbeddedError::InUse(data.clone()));
    }
    remove_stale_locks(layout)
}

/// A postmaster that was killed leaves files with its process id, and another refuses to start
/// while a process has that id: a stranger, or the dead one, which nobody buries where process 1 is no
/// proper init. Their purpose is to keep two from one directory, and there is nobody in it.
fn remove_stale_locks(layout: &Layout) -> Result<(), EmbeddedError> {
    for path in [layout.data.join("postmaster.pid"), layout.socket.join(format!("{SOCKET_FILE}.lock"))] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io("remove", &path)(error)),
            _ => {}
        }
    }
    Ok(())
}

async fn wait_while(patience: Duration, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while holds() && started.elapsed() < patience {
        sleep(LOOK_EVERY).await;
    }
}

/// The postmaster of this directory, if it lives. Its process id may have passed to a stranger; but
/// PostgreSQL's processes, and hardly any other, work in the cluster's directory.
fn postmaster_of(data: &Path) -> Option<Pid> {
    let content = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = content.lines().next()?.trim().parse().ok()?;
    works_in(pid, data).then(|| pid_of(pid)).flatten()
}

fn has_processes(data: &Path) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.any(|pid| works_in(pid, data))
}

/// Not true of a dead process that is not buried yet.
fn works_in(pid: u32, data: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|directory| directory == data)
}
