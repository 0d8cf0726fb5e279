//! The development issuer as a child process: started, awaited, and always ended.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::workspace::Workspace;

/// First start of a cluster included; a slow machine needs a few seconds.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long the issuer may take to finish its work and to stop its database.
const FAREWELL: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(50);

/// A running development issuer; dropping it ends it.
pub(super) struct Server {
    child: Child,
    /// Standard output: one line of JSON, as soon as it serves.
    announcement: PathBuf,
    /// Standard error: talk.
    log: PathBuf,
    interrupted: Arc<AtomicBool>,
}

impl Server {
    pub(super) fn start(workspace: &Workspace, port: u16, data: &Path, reset: bool) -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // From here on a signal ends the issuer first, then us.
            signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
        }
        // The directory is left to the issuer: it resets only one that it made itself.
        let log = workspace.target().join("demo.log");
        let announcement = workspace.target().join("demo.json");
        let mut command = workspace.command(workspace.chancery());
        command.args(["dev", "--output", "json", "--port", &port.to_string(), "--data"]).arg(data);
        if reset {
            command.arg("--reset");
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&announcement)?)
            .stderr(File::create(&log)?)
            .spawn()
            .context("failed to start `chancery dev`")?;
        Ok(Self { child, announcement, log, interrupted })
    }

    /// Waits until the issuer says that it serves, and returns what it says.
    pub(super) fn ready(&mut self) -> Result<Value> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("`chancery dev` ended at once ({status}):\n{}", self.said());
            }
            if let Some(said) = self.announced() {
                return Ok(said);
            }
            if self.interrupted.load(Ordering::Relaxed) {
                bail!("interrupted");
            }
            if started.elapsed() > PATIENCE {
                bail!("`chancery dev` was not ready after {} s:\n{}", PATIENCE.as_secs(), self.said());
            }
            thread::sleep(GLANCE);
        }
    }

    /// Serves until somebody ends it: Ctrl-C is an end, a crash is an error.
    pub(super) fn serve(mut self) -> Result<()> {
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                self.end()?;
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                // Ctrl-C reaches the whole group; the issuer may have been quicker than this loop.
                thread::sleep(GLANCE);
                if self.interrupted.load(Ordering::Relaxed) {
                    return Ok(());
                }
                bail!("`chancery dev` ended ({status}):\n{}", self.said());
            }
            thread::sleep(GLANCE);
        }
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// The last that the issuer said.
    pub(super) fn said(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
    }

    /// Asks the issuer to stop, and insists if it does not.
    pub(super) fn end(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        if let Some(process) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(process, Signal::TERM)?;
        }
        let asked = Instant::now();
        while asked.elapsed() < FAREWELL {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(GLANCE);
        }
        self.child.kill()?;
        self.child.wait()?;
        bail!("`chancery dev` did not stop within {} s and was killed", FAREWELL.as_secs());
    }

    fn announced(&self) -> Option<Value> {
        let written = fs::read_to_string(&self.announcement).ok()?;
        let (line, _) = written.split_once('\n')?;
        let said: Value = serde_json::from_str(line).ok()?;
        let url = said.get("public_url")?.as_str()?;
        answers(url).then_some(said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A failure to stop was reported by whoever asked; here nobody can be told any more.
        let _ = self.end();
    }
}

/// Whether the issuer's metadata can be had.
fn answers(url: &str) -> bool {
    let Some(authority) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = authority.trim_end_matches('/');
    TcpStream::connect(authority).is_ok_and(|mut stream| {
        let request = format!(
            "GET /.well-known/openid-credential-issuer HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n"
        );
        let mut answer = [0; 12];
        stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
            && stream.write_all(request.as_bytes()).is_ok()
            && stream.read_exact(&mut answer).is_ok()
            && answer == *b"HTTP/1.1 200"
    })
}

/// The port to serve on: the one asked for, or the usual one, or, where that is taken, a free one.
pub(super) fn port(asked: Option<u16>, usual: u16) -> Result<u16> {
    let free =
        |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|bound| bound.local_addr());
    if let Some(port) = asked {
        let bound = free(port).with_context(|| format!("failed to listen on port {port}"))?;
        return Ok(bound.port());
    }
    if free(usual).is_ok() {
        return Ok(usual);
    }
    let other = free(0).context("failed to find a free port")?.port();
    println!("port {usual} is taken; using {other}");
    Ok(other)
}
