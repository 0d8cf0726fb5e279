//! The runner itself: it loads what it is sent, asks what it is told to ask, and can do nothing else.

use std::{
    collections::HashMap,
    io,
    os::{fd::AsFd as _, unix::net::UnixStream as StdStream},
    sync::Arc,
};

use tokio::{net::UnixStream, sync::Semaphore};

use super::{
    Wanted,
    code::{Executable, Mapping},
    confine::{confine_on_an_old_kernel, confine_process, confine_threads},
    outbox::{Letter, Outbox},
    wire::{Mailbox, Order, Said},
};
use crate::{
    call::{Caller, Place},
    limits::Limits,
    linked::Linked,
    machine::Machine,
    question::Question,
    report::Resources,
};

/// A component and the pages that it lies in; dropped in this order.
struct Loaded {
    caller: Caller,
    _mapping: Mapping,
}

/// Serves as a runner until the server at the other end of standard input is gone.
///
/// `calls` is how many calls take turns. It confines the process for good before it reads the first order.
///
/// All of it is one thread: threads that share memory interrupt each other whenever one of them changes what is mapped,
/// and every call does. Who wants to use more processors starts more runners.
pub fn serve(calls: usize) -> io::Result<()> {
    confine_process()?;
    serve_confined(calls)
}

/// The same as it is on kernels before 6.7, for tests on later ones: what a call wrote is cleared another way.
#[doc(hidden)]
pub fn serve_on_an_old_kernel(calls: usize) -> io::Result<()> {
    confine_on_an_old_kernel()?;
    serve_confined(calls)
}

fn serve_confined(calls: usize) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = Arc::new(Executable::default());
    let executable: Arc<dyn wasmtime::CustomCodeMemory> = code.clone();
    let machine = Machine::start(&Limits::default(), calls, Some(&executable));
    let machine = Arc::new(machine.map_err(io::Error::other)?);
    runtime.block_on(async {
        let socket = StdStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        socket.set_nonblocking(true)?;
        let socket = UnixStream::from_std(socket)?;
        confine_threads()?;
        obey(socket, machine, code, calls).await
    })
}

async fn obey(
    socket: UnixStream,
    machine: Arc<Machine>,
    code: Arc<Executable>,
    calls: usize,
) -> io::Result<()> {
    let (from, to) = socket.into_split();
    let outbox = Arc::new(Outbox::new(to));
    let delivered = Arc::clone(&outbox);
    tokio::spawn(async move { delivered.deliver().await });
    let slots = Arc::new(Semaphore::new(calls));
    let mut mailbox = Mailbox::new(from);
    let mut components: HashMap<[u8; 32], Arc<Loaded>> = HashMap::new();
    while let Some(order) = mailbox.next::<Order<Question>>().await? {
        match order {
            Order::Load { call, wanted } => {
                let digest = wanted.digest;
                let loaded = mailbox
                    .file()
                    .ok_or_else(|| "no code came along".to_owned())
                    .and_then(|file| load(&machine, &code, file, wanted, &slots));
                let loaded = loaded.map(|(loaded, resources)| {
                    components.insert(digest, Arc::new(loaded));
                    resources
                });
                outbox.post(Letter::new(&Said::Loaded { call, loaded }, None)?)?;
            }
            Order::Ask { call, component, question } => {
                let (loaded, outbox) = (components.get(&component).cloned(), Arc::clone(&outbox));
                tokio::spawn(async move {
                    let answer = match &loaded {
                        Some(loaded) => Some(loaded.caller.ask(&question).await),
                        None => None,
                    };
                    if let Ok(letter) = Letter::new(&Said::Answered { call, answer: Box::new(answer) }, None)
                    {
                        let _ = outbox.post(letter);
                    }
                });
            }
            Order::Forget { component } => drop(components.remove(&component)),
        }
    }
    Ok(())
}

fn load(
    machine: &Machine,
    code: &Executable,
    file: std::os::fd::OwnedFd,
    wanted: Wanted,
    slots: &Arc<Semaphore>,
) -> Result<(Loaded, Option<Resources>), String> {
    let Wanted { digest, plugin, hook, limits } = wanted;
    let (compiled, mapping) = code.load(machine.engine(), file).map_err(|error| error.to_string())?;
    let resources = Resources::of(&compiled);
    let linked: Linked = machine.link(&compiled, hook).map_err(|error| format!("{error:#}"))?;
    let place = Place::Here(Arc::new(linked));
    let (slots, waiting) = (Arc::clone(slots), Arc::default());
    let caller = Caller { plugin: plugin.into(), digest, place, limits, slots, waiting };
    Ok((Loaded { caller, _mapping: mapping }, resources))
}
