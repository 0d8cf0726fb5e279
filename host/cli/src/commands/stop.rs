//! When a host is told to stop: SIGINT, SIGTERM or SIGHUP.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output;

/// The signals, caught from the moment this is made.
pub(super) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl StopSignals {
    /// From here on, a signal no longer ends the process by itself.
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }

    /// Waits for one. A second one, while work is still being finished, ends the process at once.
    pub(super) async fn first(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            output::talk("told to stop twice: ending at once");
            std::process::exit(i32::from(crate::failure::REFUSED));
        });
    }
}
