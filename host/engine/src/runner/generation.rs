//! One runner process, from its start to its end, as the server sees it.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write as _},
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use tokio::{net::UnixStream, process::Child, sync::oneshot, time::timeout};

use super::{
    NotLoaded, RunnerConfig, Wanted,
    loaded::{Loaded, Loading},
    outbox::{Letter, Outbox},
    wire::{Mailbox, Order, Said},
};
use crate::{
    cache::Cache,
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

/// One runner process.
pub(super) struct Generation {
    outbox: Arc<Outbox>,
    waiting: Arc<Waiting>,
    loaded: Loaded,
    alive: Arc<AtomicBool>,
    calls: AtomicU64,
    /// Killed when this is dropped.
    child: Mutex<Child>,
}

impl Generation {
    /// Starts the process. It inherits one socket, and neither environment nor files.
    pub(super) fn start(config: &RunnerConfig, code: usize) -> io::Result<Self> {
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
        let (calls, child) = (AtomicU64::new(0), Mutex::new(child));
        Ok(Self { outbox, waiting, loaded: Loaded::at_most(code), alive, calls, child })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// How many wait for it to answer.
    pub(super) fn awaited(&self) -> usize {
        self.waiting.lock().len()
    }

    /// Has the component loaded, if it is not yet. It stays so while somebody has its place.
    pub(super) async fn load(
        &self,
        wanted: &Wanted,
        cache: &Cache,
    ) -> Result<(Loading, Option<Resources>), NotLoaded> {
        let place = self.loaded.place(&wanted.digest);
        let loaded = place
            .get_or_try_init(|| async {
                let code = cache.code(&wanted.digest).ok_or(NotLoaded::Uncached)?;
                for forgotten in self.loaded.make_room(&wanted.digest, code.len()) {
                    self.tell_to_forget(&forgotten);
                }
                let file = sealed(&code)?;
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
        let resources = loaded.clone().map_err(NotLoaded::Refused)?;
        Ok((place, resources))
    }

    /// Asks a fresh instance; none, if the component was forgotten since it was loaded.
    pub(super) async fn ask(
        &self,
        wanted: &Wanted,
        question: &Question,
    ) -> Result<Option<Measured<Reply>>, FaultKind> {
        let lost = |error: io::Error| FaultKind::Lost(error.to_string());
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let order = Order::Ask { call, component: wanted.digest, question };
        let letter = Letter::new(&order, None).map_err(lost)?;
        match self.exchange(call, letter, wanted.limits.whole + GRACE).await.map_err(lost)? {
            Said::Answered { answer, .. } => Ok(*answer),
            Said::Loaded { .. } => Err(FaultKind::Host("it was answered what was not asked".into())),
        }
    }

    /// Nobody needs the component any more.
    pub(super) fn forget(&self, component: &[u8; 32]) {
        self.loaded.remove(component);
        self.tell_to_forget(component);
    }

    fn tell_to_forget(&self, component: &[u8; 32]) {
        let order = Order::<&Question>::Forget { component: *component };
        if let Ok(letter) = Letter::new(&order, None) {
            let _ = self.outbox.post(letter);
        }
    }

    async fn exchange(&self, call: u64, letter: Letter, patience: Duration) -> io::Result<Said> {
        let gone = || io::Error::other("the plugin runner ended during the call; try again");
        let (answer, waiting) = oneshot::channel();
        self.waiting.lock().insert(call, answer);
        if !self.is_alive() || self.outbox.post(letter).is_err() {
            self.waiting.lock().remove(&call);
            return Err(gone());
        }
        if let Ok(answer) = timeout(patience, waiting).await {
            return answer.map_err(|_| gone());
        }
        self.waiting.lock().remove(&call);
        self.end();
        Err(io::Error::other("the plugin runner does not answer; another is started"))
    }

    /// Ends the process; whoever waits for it is told.
    fn end(&self) {
        self.alive.store(false, Ordering::Release);
        let _ = self.child.lock().start_kill();
    }
}

/// Sends and receives until the process is gone; then all who wait for it learn it.
async fn correspond(outbox: Arc<Outbox>, from: Mailbox, waiting: Arc<Waiting>, alive: Arc<AtomicBool>) {
    tokio::select! {
        _ = outbox.deliver() => {}
        () = collect(from, &waiting) => {}
    }
    alive.store(false, Ordering::Release);
    waiting.lock().clear();
}

/// Hands answers to those who wait.
async fn collect(mut from: Mailbox, waiting: &Waiting) {
    while let Ok(Some(said)) = from.next::<Said>().await {
        let (Said::Loaded { call, .. } | Said::Answered { call, .. }) = &said;
        if let Some(waiter) = waiting.lock().remove(call) {
            let _ = waiter.send(said);
        }
    }
}

/// The code as a file in memory that nobody can change, whoever holds it.
fn sealed(code: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 know no such flag, and let every such file be mapped for execution.
    let file = memfd_create("plugin", flags | MemfdFlags::EXEC).or_else(|_| memfd_create("plugin", flags))?;
    let mut file = File::from(file);
    file.write_all(code)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(file.into())
}
