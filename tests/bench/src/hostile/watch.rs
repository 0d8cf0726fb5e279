//! What the processes of a server hold at most, looked at from a thread that waits for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use crate::cost::Family;

/// How often they are looked at.
const EVERY: Duration = Duration::from_millis(20);

/// Looks until it is told to stop.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Watched>,
}

/// Resident memory in KiB, at most.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Watched {
    pub(super) server: u64,
    pub(super) runner: u64,
    /// Of one compiler.
    pub(super) compiler: u64,
}

impl Watch {
    pub(super) fn begin(server: Family) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("watch".to_owned()).spawn({
            let stop = Arc::clone(&stop);
            move || {
                let mut watched = Watched::default();
                while !stop.load(Ordering::Relaxed) {
                    watched.look(server);
                    std::thread::sleep(EVERY);
                }
                watched
            }
        })?;
        Ok(Self { stop, thread })
    }

    pub(super) fn end(self) -> Result<Watched> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("whoever looked broke"))
    }
}

impl Watched {
    /// At most, of two times.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            server: self.server.max(other.server),
            runner: self.runner.max(other.runner),
            compiler: self.compiler.max(other.compiler),
        }
    }

    pub(super) fn document(self) -> Value {
        json!({ "server": self.server, "runner": self.runner, "a_compiler": self.compiler })
    }

    /// A process that ended meanwhile is not looked at.
    fn look(&mut self, server: Family) {
        let resident = |family: Family| family.memory().map_or(0, |memory| memory.resident);
        self.server = self.server.max(resident(server));
        let runners = server.children("plugin-runner").into_iter().map(resident);
        self.runner = self.runner.max(runners.sum());
        let compilers = server.children("plugin-compiler").into_iter();
        let most = compilers.map(|compiler| compiler.memory().map_or(0, |memory| memory.most)).max();
        self.compiler = self.compiler.max(most.unwrap_or(0));
    }
}
