//! Plugins in a process of their own: one that holds no key, no database and no network, and may do next to
//! nothing else.
//!
//! ```text
//! server                                    runners (same binary, confined; one for each processor)
//!   cache: MAC verified ── sealed memory file ──→ mapped read and execute, never written
//!   question ─────────────── one socket ────────→ a fresh instance, its limits
//!   answer, checked as ever ←────────────────────  reply
//! ```
//!
//! A plugin that breaks out of its sandbox finds itself in there: it can lie in answers, which the server checks
//! as it checks every plugin's, and it can end the process. Then calls under way are lost, nothing was signed, and
//! the next one finds another runner.

mod child;
mod code;
mod confine;
mod generation;
mod loaded;
mod outbox;
mod suspects;
mod wire;

use std::{ffi::OsString, io, num::NonZero, path::PathBuf, sync::Arc};

pub use child::serve;
#[doc(hidden)]
pub use child::serve_on_an_old_kernel;
pub use confine::{Confined, confine_process, confine_threads};
use tokio::{process::Command, time::timeout};

use parking_lot::Mutex;

use crate::{
    cache::Cache,
    fault::FaultKind,
    hook::Hook,
    limits::Limits,
    measured::Measured,
    question::{Question, Reply},
    report::Resources,
};
use generation::{ENDED, End, Generation, Unanswered};
use suspects::Suspects;

/// How to start a runner: this very program, told to be one.
#[derive(Debug, Clone)]
pub struct RunnerConfig {
    /// The program.
    pub program: PathBuf,
    /// What makes it [serve] as a runner.
    pub arguments: Vec<OsString>,
    /// All of its environment. Nothing secret has a place in it.
    pub environment: Vec<(OsString, OsString)>,
}

/// How often a component is loaded for one call.
const ATTEMPTS: usize = 3;

/// Calls are a tenth of an issuance's work: so many runners are enough for ten times as many processors.
const MOST: usize = 4;

/// Whom a child of root is made.
const NOBODY: u32 = 65_534;

impl RunnerConfig {
    /// The child, as yet without its socket or pipes: of the server's environment and rights it has none.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(self.environment.iter().cloned()).kill_on_drop(true);
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

/// The runners of a server: one for each processor, whichever processes they are at the moment.
pub(crate) struct Runners {
    config: RunnerConfig,
    cache: Arc<Cache>,
    /// Bytes of machine code that each has at a time.
    code: usize,
    seats: Vec<Seat>,
    suspects: Suspects,
}

/// Where there is a runner; none before the first call, and after one ended.
type Seat = Mutex<Option<Arc<Generation>>>;

/// A component as the server knows it that runs elsewhere.
pub(crate) struct Remote {
    pub(crate) runners: Arc<Runners>,
    pub(crate) wanted: Wanted,
}

/// What a runner is told of a component.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Wanted {
    pub(crate) digest: [u8; 32],
    /// Name and version.
    pub(crate) plugin: String,
    pub(crate) hook: Hook,
    pub(crate) limits: Limits,
}

/// Why a component was not loaded.
#[derive(Debug)]
pub(crate) enum NotLoaded {
    /// It does not fit the contract.
    Refused(String),
    /// There is no runner, or it ended meanwhile.
    Lost(String),
    /// There is no machine code of it, and it has to be compiled first.
    Uncached,
}

impl From<io::Error> for NotLoaded {
    fn from(error: io::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl Runners {
    /// One for each processor, unless fewer calls than that are made at a time; `code` is what all of them may have.
    pub(crate) fn new(config: RunnerConfig, cache: Arc<Cache>, calls: usize, code: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let count = processors.min(calls).clamp(1, MOST);
        let seats = (0..count).map(|_| Seat::default()).collect();
        Self { config, cache, code: code / count, seats, suspects: Suspects::default() }
    }

    /// The process in a seat; another one if the last one ended.
    fn generation(&self, seat: &Seat) -> io::Result<Arc<Generation>> {
        let mut current = seat.lock();
        if let Some(generation) = current.as_ref().filter(|generation| generation.is_alive()) {
            return Ok(Arc::clone(generation));
        }
        if current.is_some() {
            tracing::error!("a plugin runner ended by itself, starting another");
        }
        let generation = Arc::new(Generation::start(&self.config, self.code)?);
        *current = Some(Arc::clone(&generation));
        Ok(generation)
    }

    /// The one with the least to do; of several the component's own, so that not all of them have all components.
    fn for_component(&self, digest: &[u8; 32]) -> io::Result<Arc<Generation>> {
        let (before, own) = self.seats.split_at(usize::from(digest[0]) % self.seats.len());
        let awaited = |seat: &&Seat| seat.lock().as_ref().map_or(0, |generation| generation.awaited());
        let seat = own.iter().chain(before).min_by_key(awaited);
        self.generation(seat.ok_or_else(|| io::Error::other("there is no runner"))?)
    }

    /// Has the component loaded by a runner, from the cache; the others load it when they are asked.
    pub(crate) async fn load(&self, wanted: &Wanted) -> Result<Option<Resources>, NotLoaded> {
        let generation = self.for_component(&wanted.digest)?;
        Ok(generation.load(wanted, &self.cache).await?.1)
    }
}

impl Remote {
    /// Asks a fresh instance over there. A call that is lost was not made, as far as anybody can tell.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Measured<Reply>, FaultKind> {
        let (runners, digest) = (&self.runners, &self.wanted.digest);
        if runners.suspects.has(digest) {
            return self.ask_alone(question).await;
        }
        let generation = runners.for_component(digest).map_err(|error| FaultKind::Lost(error.to_string()))?;
        self.ask_of(&generation, question).await.map_err(|ended| match ended {
            Ended::Otherwise(kind) => kind,
            Ended::With(End::Alone) => FaultKind::Crash,
            Ended::With(End::Among) => {
                runners.suspects.add(digest);
                FaultKind::Lost(ENDED.into())
            }
        })
    }

    /// Asks where nobody else is asked meanwhile: if that runner ends, it is clear whose fault that is.
    async fn ask_alone(&self, question: &Question) -> Result<Measured<Reply>, FaultKind> {
        let suspects = &self.runners.suspects;
        let turn = timeout(self.wanted.limits.queue, suspects.turn()).await;
        let _turn = turn.map_err(|_| FaultKind::Busy)?;
        let generation = self.runners.generation(suspects.seat());
        let generation = generation.map_err(|error| FaultKind::Lost(error.to_string()))?;
        let answered = self.ask_of(&generation, question).await.map_err(|ended| match ended {
            Ended::Otherwise(kind) => kind,
            Ended::With(End::Alone) => FaultKind::Crash,
            Ended::With(End::Among) => FaultKind::Lost(ENDED.into()),
        })?;
        suspects.clear(&self.wanted.digest);
        Ok(answered)
    }

    async fn ask_of(&self, generation: &Generation, question: &Question) -> Result<Measured<Reply>, Ended> {
        for _ in 0..ATTEMPTS {
            let _place = match generation.load(&self.wanted, &self.runners.cache).await {
                Ok((place, _)) => place,
                Err(NotLoaded::Refused(reason)) => return Err(Ended::Otherwise(FaultKind::Host(reason))),
                Err(NotLoaded::Lost(reason)) => return Err(Ended::Otherwise(FaultKind::Lost(reason))),
                Err(NotLoaded::Uncached) => return Err(Ended::Otherwise(FaultKind::Unloaded)),
            };
            // Somebody else who had the same component has no use for it any more, and it was forgotten.
            match generation.ask(&self.wanted, question).await {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => {}
                Err(Unanswered::Ended(end)) => return Err(Ended::With(end)),
                Err(Unanswered::Lost(error)) => {
                    return Err(Ended::Otherwise(FaultKind::Lost(error.to_string())));
                }
            }
        }
        let reason = "it is forgotten as often as it is loaded";
        Err(Ended::Otherwise(FaultKind::Lost(reason.into())))
    }
}

/// How a call ended without an answer.
enum Ended {
    /// With the process.
    With(End),
    /// Otherwise.
    Otherwise(FaultKind),
}

impl Drop for Remote {
    fn drop(&mut self) {
        for seat in self.runners.seats.iter().chain([self.runners.suspects.seat()]) {
            if let Some(generation) = seat.lock().as_ref() {
                generation.forget(&self.wanted.digest);
            }
        }
    }
}
