//! One call: a fresh instance, its limits, its end.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time::timeout};
use wasmtime::{ResourceLimiter, Store, Trap, UpdateDeadline};
use wasmtime_wasi::{I32Exit, WasiCtxView, WasiView};

use crate::{
    backtrace,
    believed::believed,
    bindings::types,
    canonical::sha256,
    fault::{Fault, FaultKind, reported},
    limits::Limits,
    linked::Linked,
    log::{LogBudget, escaped},
    measured::{LogLevel, Measured, Usage},
    question::{Question, Reply, Said},
    runner::Remote,
    stopwatch::Stopwatch,
    wasi::ClosedWasi,
};

/// What calls of one component need.
#[derive(Clone)]
pub(crate) struct Caller {
    /// Name and version, for logs and faults.
    pub(crate) plugin: Arc<str>,
    /// Digest of the component.
    pub(crate) digest: [u8; 32],
    pub(crate) place: Place,
    pub(crate) limits: Limits,
    /// As many permits as the pool has slots: instantiation fails, it does not wait.
    pub(crate) slots: Arc<Semaphore>,
    /// How many wait for one.
    pub(crate) waiting: Arc<AtomicUsize>,
}

/// One of those who wait, as long as it is there: also who gives up waiting is one no more.
struct OneMore<'a>(&'a AtomicUsize);

impl<'a> OneMore<'a> {
    fn of(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for OneMore<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where instances are made.
#[derive(Clone)]
pub(crate) enum Place {
    /// In this process.
    Here(Arc<Linked>),
    /// In a runner.
    Apart(Arc<Remote>),
}

impl Caller {
    /// Asks a fresh instance.
    pub(crate) async fn ask(&self, question: &Question) -> Measured<Reply> {
        let slot = {
            let _one_more = OneMore::of(&self.waiting);
            timeout(self.limits.queue, self.slots.acquire()).await
        };
        let _slot = match slot {
            Ok(Ok(slot)) => slot,
            Ok(Err(closed)) => return Measured::not_made(self.fault(FaultKind::Host(closed.to_string()))),
            Err(_) => return Measured::not_made(self.fault(FaultKind::Busy)),
        };
        let linked = match &self.place {
            Place::Here(linked) => linked,
            Place::Apart(remote) => return self.ask_apart(remote, question).await,
        };
        let stopwatch = Arc::new(Stopwatch::default());
        let mut store = match self.store(linked.engine(), question.now(), &stopwatch) {
            Ok(store) => store,
            Err(error) => return Measured::not_made(self.fault(FaultKind::Host(format!("{error:#}")))),
        };
        let answer = {
            let mut asked = pin!(linked.answer(&mut store, question));
            let turns = poll_fn(|context| stopwatch.turn(|| asked.as_mut().poll(context)));
            timeout(self.limits.whole, turns).await
        };
        store.data_mut().pass_stderr_on();
        let answer = match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let kind = kind(&error, store.data(), &self.limits);
                Err(Fault { trace: backtrace::functions(&error), ..self.fault(kind) })
            }
            Err(_) => Err(self.fault(FaultKind::Timeout)),
        };
        let usage = Usage {
            fuel: self.limits.fuel.saturating_sub(store.get_fuel().unwrap_or_default()),
            memory: store.data().meter.memory_used(&self.limits),
            time: stopwatch.ended(),
        };
        Measured { answer, usage, log: store.into_data().log.said() }
    }

    /// What it said over there is said here.
    async fn ask_apart(&self, remote: &Remote, question: &Question) -> Measured<Reply> {
        match remote.ask(question).await {
            Ok(measured) => believed(measured, &self.plugin, &self.limits),
            Err(kind) => Measured::not_made(self.fault(kind)),
        }
    }

    /// Asks, and takes the part of the reply that answers the question.
    pub(crate) async fn ask_for<T>(
        &self,
        question: &Question,
        part: impl FnOnce(Reply) -> Option<Said<T>>,
    ) -> Measured<T> {
        self.ask(question).await.and_then(|reply| match part(reply) {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(fault)) => Err(self.fault(reported(&fault))),
            // In one process that cannot be.
            None => Err(self.fault(FaultKind::Host("it was answered what was not asked".into()))),
        })
    }

    /// A fault of this plugin.
    pub(crate) fn fault(&self, kind: FaultKind) -> Fault {
        Fault { plugin: self.plugin.as_ref().to_owned(), kind, trace: Vec::new() }
    }

    fn store(
        &self,
        engine: &wasmtime::Engine,
        now: Duration,
        stopwatch: &Arc<Stopwatch>,
    ) -> wasmtime::Result<Store<CallState>> {
        let limits = &self.limits;
        let mut seed = self.digest.to_vec();
        seed.extend_from_slice(&now.as_secs().to_be_bytes());
        let state = CallState {
            plugin: Arc::clone(&self.plugin),
            fuel: limits.fuel,
            log: LogBudget::new(limits),
            meter: Meter::new(limits),
            wasi: ClosedWasi::new(now, sha256(&seed), limits.log_bytes),
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.meter);
        store.set_fuel(limits.fuel)?;
        // Envelopes come on top of the documents in them.
        store.set_hostcall_fuel(limits.output + (64 << 10));
        // At each tick that finds it running, the guest is interrupted or lets others have the
        // thread; only yielding would let an endless loop go on for ever.
        let (limit, stopwatch) = (limits.running, Arc::clone(stopwatch));
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            let over = stopwatch.used() > limit;
            Ok(if over { UpdateDeadline::Interrupt } else { UpdateDeadline::Yield(1) })
        });
        Ok(store)
    }
}

/// What belongs to one call and ends with it.
pub(crate) struct CallState {
    plugin: Arc<str>,
    /// What the call may use.
    pub(crate) fuel: u64,
    log: LogBudget,
    meter: Meter,
    wasi: ClosedWasi,
}

impl CallState {
    /// A line that the guest logged.
    pub(crate) fn log_line(&mut self, level: LogLevel, message: &str) {
        self.log.line(&self.plugin, level, message);
    }

    fn pass_stderr_on(&mut self) {
        if let Some(text) = self.wasi.stderr() {
            for line in text.lines() {
                self.log_line(LogLevel::Error, line);
            }
        }
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.view()
    }
}

/// Counts memory and tables of an instance, all of them together.
struct Meter {
    memory: usize,
    table_elements: usize,
    exceeded: bool,
}

impl Meter {
    fn new(limits: &Limits) -> Self {
        Self { memory: limits.memory, table_elements: limits.table_elements, exceeded: false }
    }

    /// Memories do not shrink: what was taken is what the instance had at its end.
    fn memory_used(&self, limits: &Limits) -> u64 {
        limits.memory.saturating_sub(self.memory) as u64
    }

    /// Takes what is asked for from what is left.
    fn take(left: &mut usize, current: usize, desired: usize) -> bool {
        match left.checked_sub(desired.saturating_sub(current)) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if Self::take(&mut self.memory, current, desired) {
            return Ok(true);
        }
        self.exceeded = true;
        // Ends the call: a guest that lives on after a failed growth mostly aborts a little later,
        // with a worse message.
        Err(wasmtime::Error::msg("memory limit exceeded"))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if Self::take(&mut self.table_elements, current, desired) {
            return Ok(true);
        }
        self.exceeded = true;
        Err(wasmtime::Error::msg("table limit exceeded"))
    }
}

/// What an error of wasmtime means.
fn kind(error: &wasmtime::Error, state: &CallState, limits: &Limits) -> FaultKind {
    if state.meter.exceeded {
        return FaultKind::OutOfMemory;
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return FaultKind::Trap(format!("it exited with status {}", exit.0));
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => FaultKind::OutOfFuel,
        Some(Trap::Interrupt) => FaultKind::Timeout,
        Some(trap) => FaultKind::Trap(with_last_words(&trap.to_string(), state)),
        None if error.to_string().contains("fuel allocated for hostcalls has been exhausted")
            || error.root_cause().to_string().contains("fuel allocated for hostcalls has been exhausted") =>
        {
            FaultKind::OutputTooLarge { limit: limits.output }
        }
        // What is left is a guest that breaks the canonical ABI: bad pointers, bad UTF-8, …
        None => FaultKind::Trap(with_last_words(&error.root_cause().to_string(), state)),
    }
}

/// The reason, and what the guest said last: `unreachable` alone tells nobody anything.
fn with_last_words(reason: &str, state: &CallState) -> String {
    let reason = escaped(reason, 300);
    match state.log.last_error() {
        Some(words) => format!("{reason}; it said: {}", escaped(words, 300)),
        None => reason,
    }
}

/// Types have nothing to call.
impl types::Host for CallState {}
