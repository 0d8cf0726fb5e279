//! One runner process, from its start to its end, as the server sees it.

use std::{
    collections::HashMap,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::UnixStream,
    process::Child,
    sync::{OnceCell, oneshot},
    time::timeout,
};

use super::{
    NotLoaded, RunnerConfig, Wanted, locked,
    outbox::{Letter, Outbox},
    sealed::Code,
    wire::{Mailbox, Order, Said},
};
use crate::{
    fault::FaultKind,
    measured::Measured,
    question::{Question, Reply},
    report::Resources,
};

/// A runner that says nothing for so long after a call had to be over is stuck outside of any guest.
const GRACE: Duration = Duration::from_secs(2);
/// Loading maps a file and checks types.
const LOAD_WITHIN: Duration = Duration::from_secs(10);

type Waiting = Mutex<HashMap<u64, oneshot::Sender<Said>>>;
type Loading = Arc<OnceCell<Result<Option<Resources>, String>>>;

/// One runner process.
pub(super) struct Generation {
    outbox: Arc<Outbox>,
    waiting: Arc<Waiting>,
    loaded: Mutex<HashMap<[u8; 32], Loading>>,
    alive: Arc<AtomicBool>,
    calls: AtomicU64,
    /// Killed when this is dropped.
    child: Mutex<Child>,
}

impl Generation {
    /// Starts the process. It inherits one socket, and neither environment nor files.
    pub(super) fn start(config: &RunnerConfig) -> io::Result<Self> {
        let (ours, theirs) = StdStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = config.command();
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn()?;
        let (from, to) = UnixStream::from_std(ours)?.into_split();
        let outbox = Arc::new(Outbox::new(to));
        let (waiting, alive) = (Arc::<Waiting>::default(), Arc::new(AtomicBool::new(true)));
        tokio::spawn(correspond(
            Arc::clone(&outbox),
            Mailbox::new(from),
            Arc::clone(&waiting),
            Arc::clone(&alive),
        ));
        let (loaded, calls, child) = (Mutex::default(), AtomicU64::new(0), Mutex::new(child));
        Ok(Self { outbox, waiting, loaded, alive, calls, child })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// How many wait for it to answer.
    pub(super) fn awaited(&self) -> usize {
        locked(&self.waiting).len()
    }

    /// Has the component loaded, if it is not yet.
    pub(super) async fn load(
        &self,
        wanted: &Wanted,
        code: &Code<'_>,
    ) -> Result<Option<Resources>, NotLoaded> {
        let cell = Arc::clone(locked(&self.loaded).entry(wanted.digest).or_default());
        let loaded = cell
            .get_or_try_init(|| async {
                let file = code.file()?;
                let call = self.calls.fetch_add(1, Ordering::Relaxed);
                let order = Order::<&Question>::Load { call, wanted: wanted.clone() };
                match self.exchange(call, Letter::new(&order, Some(file))?, LOAD_WITHIN).await? {
                    Said::Loaded { loaded, .. } => Ok::<_, NotLoaded>(loaded),
                    Said::Answered { .. } => {
                        Err(io::Error::other("the runner answered what was not asked").into())
                    }
                }
            })
            .await?;
        loaded.clone().map_err(NotLoaded::Refused)
    }

    /// Asks a fresh instance.
    pub(super) async fn ask(
        &self,
        wanted: &Wanted,
        question: &Question,
    ) -> Result<Measured<Reply>, FaultKind> {
        let lost = |error: io::Error| FaultKind::Lost(error.to_string());
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let order = Order::Ask { call, component: wanted.digest, question };
        let letter = Letter::new(&order, None).map_err(lost)?;
        match self.exchange(call, letter, wanted.limits.whole + GRACE).await.map_err(lost)? {
            Said::Answered { answer, .. } => answer.ok_or_else(|| FaultKind::Lost("it is not loaded".into())),
            Said::Loaded { .. } => Err(FaultKind::Host("it was answered what was not asked".into())),
        }
    }

    /// Nobody needs the component any more.
    pub(super) fn forget(&self, component: &[u8; 32]) {
        locked(&self.loaded).remove(component);
        let order = Order::<&Question>::Forget { component: *component };
        if let Ok(letter) = Letter::new(&order, None) {
            let _ = self.outbox.post(letter);
        }
    }

    async fn exchange(&self, call: u64, letter: Letter, patience: Duration) -> io::Result<Said> {
        let gone = || io::Error::other("the plugin runner ended during the call; try again");
        let (answer, waiting) = oneshot::channel();
        locked(&self.waiting).insert(call, answer);
        if !self.is_alive() || self.outbox.post(letter).is_err() {
            locked(&self.waiting).remove(&call);
            return Err(gone());
        }
        if let Ok(answer) = timeout(patience, waiting).await {
            return answer.map_err(|_| gone());
        }
        locked(&self.waiting).remove(&call);
        self.end();
        Err(io::Error::other("the plugin runner does not answer; another is started"))
    }

    /// Ends the process; whoever waits for it is told.
    fn end(&self) {
        self.alive.store(false, Ordering::Release);
        let _ = locked(&self.child).start_kill();
    }
}

/// Sends and receives until the process is gone; then all who wait for it learn it.
async fn correspond(outbox: Arc<Outbox>, from: Mailbox, waiting: Arc<Waiting>, alive: Arc<AtomicBool>) {
    tokio::select! {
        _ = outbox.deliver() => {}
        () = collect(from, &waiting) => {}
    }
    alive.store(false, Ordering::Release);
    locked(&waiting).clear();
}

/// Hands answers to those who wait.
async fn collect(mut from: Mailbox, waiting: &Waiting) {
    while let Ok(Some(said)) = from.next::<Said>().await {
        let (Said::Loaded { call, .. } | Said::Answered { call, .. }) = &said;
        if let Some(waiter) = locked(waiting).remove(call) {
            let _ = waiter.send(said);
        }
    }
}
