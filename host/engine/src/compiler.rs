//! Compiling in a process of its own: a compiler can be made to take a minute and a gigabyte by a file of a
//! megabyte, and cannot be interrupted from within.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    process::Stdio,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::{
    limits::Limits,
    log::escaped,
    refused::Refused,
    runner::{RunnerConfig, confine_process, confine_threads},
    settings,
};

/// Any plugin is compiled, or refused, within this.
const PATIENCE: Duration = Duration::from_secs(30);
/// Seconds of processor time.
const PROCESSOR_TIME: u64 = 30;
/// Who is served comes first: a compiler takes what processor time they leave, and a fair part at the least.
const NICENESS: i32 = 10;
/// Bytes of address space.
const ADDRESS_SPACE: u64 = 1 << 30;
/// Larger than what any accepted component compiles to.
const LONGEST: usize = 128 << 20;
/// Bytes of a reason that a compiler gives.
const MOST_SAID: usize = 2_000;
/// How people and the system end programs: SIGHUP, SIGINT, SIGTERM.
const BY_OTHERS: [i32; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM];
/// How an answer begins.
const CODE: u8 = 0;
const REFUSAL: u8 = 1;

/// Compiles a component over there.
pub(crate) async fn compile(config: &RunnerConfig, wasm: &[u8]) -> Result<Vec<u8>, Refused> {
    let broke = |reason: &str| Refused::Compile(reason.to_owned());
    let mut command = config.command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| Refused::Lost(error.to_string()))?;
    let (Some(mut to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Refused::Lost("the compiler has no pipes".into()));
    };
    let exchange = async {
        // A compiler that ends early tells why, so a broken pipe is no answer yet.
        let _ = to.write_all(wasm).await;
        drop(to);
        // Addresses, and no memory until something comes: a vector that grows would have room for twice what does.
        let mut answer = Vec::with_capacity(LONGEST);
        from.take(LONGEST as u64).read_to_end(&mut answer).await?;
        let ended = child.wait().await?;
        Ok::<_, io::Error>((answer, ended))
    };
    let (mut answer, ended) = match timeout(PATIENCE, exchange).await {
        Err(_) => return Err(broke("it takes longer than 30 seconds")),
        Ok(Err(error)) => return Err(Refused::Lost(error.to_string())),
        Ok(Ok(ended)) => ended,
    };
    match answer.split_first() {
        Some((&CODE, _)) if ended.success() => {
            answer.remove(0);
            Ok(answer)
        }
        Some((&REFUSAL, reason)) => {
            let said = reason.get(..MOST_SAID.min(reason.len())).unwrap_or_default();
            Err(broke(&escaped(&String::from_utf8_lossy(said), MOST_SAID)))
        }
        // Limits end it otherwise: somebody else did.
        _ if ended.signal().is_some_and(|signal| BY_OTHERS.contains(&signal)) => {
            Err(Refused::Lost("the compiler was ended; try again".into()))
        }
        _ => Err(broke("it needs more than the compiler has: 30 seconds of processor time, 1 GiB of memory")),
    }
}

/// Compiles what comes on standard input, as the compiler's own process.
pub fn serve() -> io::Result<()> {
    confine_process()?;
    // Where that is not permitted, it competes.
    let _ = rustix::process::nice(NICENESS);
    for (resource, most) in [(Resource::Cpu, PROCESSOR_TIME), (Resource::As, ADDRESS_SPACE)] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    confine_threads()?;
    let mut wasm = Vec::new();
    io::stdin().lock().read_to_end(&mut wasm)?;
    let config = settings::config(&Limits::default(), 1, false);
    let compiled = wasmtime::Engine::new(&config).and_then(|engine| engine.precompile_component(&wasm));
    let (kind, bytes) = match compiled {
        Ok(code) => (CODE, code),
        Err(error) => (REFUSAL, format!("{error:#}").into_bytes()),
    };
    let mut answer = io::stdout().lock();
    answer.write_all(&[kind])?;
    answer.write_all(&bytes)?;
    answer.flush()
}
