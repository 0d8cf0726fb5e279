//! How long a guest has used a processor.
//!
//! Not how long it took: on a machine that is busy elsewhere, a guest that did nothing wrong
//! would be interrupted.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// Processor time of one call, over all the threads that it ran on.
#[derive(Default)]
pub(crate) struct Stopwatch {
    /// Nanoseconds of all turns that ended.
    ended: AtomicU64,
    /// The thread's clock when the turn under way began.
    began: AtomicU64,
}

impl Stopwatch {
    /// Lets the call have a turn on this thread.
    pub(crate) fn turn<R>(&self, turn: impl FnOnce() -> R) -> R {
        let began = thread_clock();
        self.began.store(began, Relaxed);
        let out = turn();
        self.ended.fetch_add(thread_clock().saturating_sub(began), Relaxed);
        out
    }

    /// What was used, read between turns.
    pub(crate) fn ended(&self) -> Duration {
        Duration::from_nanos(self.ended.load(Relaxed))
    }

    /// What was used so far, read in the middle of a turn.
    pub(crate) fn used(&self) -> Duration {
        let turn = thread_clock().saturating_sub(self.began.load(Relaxed));
        Duration::from_nanos(self.ended.load(Relaxed) + turn)
    }
}

fn thread_clock() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}
