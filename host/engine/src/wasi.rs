//! A closed part of WASI 0.2.
//!
//! The standard libraries of guest languages import it whether they use it or not. What is
//! linked leads nowhere: a clock that stands still, seeded randomness, an empty environment, no
//! input, bounded standard error. File systems and sockets are not linked at all.

use std::{convert::Infallible, future::pending, time::Duration};

use aws_lc_rs::digest::{Context, SHA256};
use rand_core::TryRng;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::{
    HostWallClock, WasiCtx, WasiCtxView, WasiView,
    cli::{WasiCli, WasiCliView as _},
    clocks::{WasiClocks, WasiClocksView as _},
    p2::{
        bindings::{cli, clocks, random},
        pipe::MemoryOutputPipe,
    },
    random::{WasiRandom, WasiRandomView as _},
};
use wasmtime_wasi_io::{
    async_trait,
    poll::{DynPollable, Pollable, subscribe},
};

use crate::call::CallState;

/// Everything that a guest may import from WASI.
pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    use wasmtime_wasi_io::bindings::wasi::io;

    struct Io;
    impl HasData for Io {
        type Data<'a> = &'a mut ResourceTable;
    }
    fn table(state: &mut CallState) -> &mut ResourceTable {
        state.ctx().table
    }

    io::error::add_to_linker::<_, Io>(linker, table)?;
    io::poll::add_to_linker::<_, Io>(linker, table)?;
    io::streams::add_to_linker::<_, Io>(linker, table)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(linker, CallState::clocks)?;
    clocks::monotonic_clock::add_to_linker::<_, StandingStill>(linker, |state| Still(table(state)))?;
    random::random::add_to_linker::<_, WasiRandom>(linker, CallState::random)?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, CallState::random)?;
    cli::exit::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    Ok(())
}

/// What WASI is for one call; made when the guest first uses it, which most never do.
pub(crate) struct ClosedWasi {
    now: Duration,
    seed: [u8; 32],
    capacity: usize,
    opened: Option<(WasiCtx, MemoryOutputPipe)>,
    table: ResourceTable,
}

impl ClosedWasi {
    /// The clock stands at `now`; randomness follows from `seed`; standard error keeps `capacity` bytes.
    pub(crate) fn new(now: Duration, seed: [u8; 32], capacity: usize) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(1_000);
        Self { now, seed, capacity, opened: None, table }
    }

    /// What the guest wrote to standard error.
    pub(crate) fn stderr(&self) -> Option<String> {
        let (_, stderr) = self.opened.as_ref()?;
        let bytes = stderr.contents();
        (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The parts that the linked functions work on.
    pub(crate) fn view(&mut self) -> WasiCtxView<'_> {
        let (now, seed, capacity) = (self.now, self.seed, self.capacity);
        let (ctx, _) = self.opened.get_or_insert_with(|| {
            let stderr = MemoryOutputPipe::new(capacity);
            let ctx = WasiCtx::builder()
                .wall_clock(Frozen(now))
                .secure_random(Seeded::new(seed))
                .insecure_random(Seeded::new(seed))
                .insecure_random_seed(u128::from_be_bytes(*seed.first_chunk().unwrap_or(&[0; 16])))
                .max_random_size(64 << 10)
                .stderr(stderr.clone())
                .build();
            (ctx, stderr)
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}

/// A clock that stands still.
struct Frozen(Duration);

impl HostWallClock for Frozen {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// A clock that stands still for those who wait for it, too: what has passed already has passed, and what
/// has not never will. Otherwise a guest could tell real time by waiting.
struct Still<'a>(&'a mut ResourceTable);

struct StandingStill;

impl HasData for StandingStill {
    type Data<'a> = Still<'a>;
}

impl clocks::monotonic_clock::Host for Still<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(0)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1_000_000_000)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let waiting = self.0.push(Waiting { over: when == 0 })?;
        subscribe(self.0, waiting)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_instant(duration)
    }
}

/// Waiting for that clock.
struct Waiting {
    over: bool,
}

#[async_trait]
impl Pollable for Waiting {
    async fn ready(&mut self) {
        if !self.over {
            pending::<()>().await;
        }
    }
}

/// SHA-256 in counter mode: the same seed gives the same bytes on every machine.
struct Seeded {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Seeded {
    fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0, block: [0; 32], used: 32 }
    }

    fn byte(&mut self) -> u8 {
        if self.used >= self.block.len() {
            let mut context = Context::new(&SHA256);
            context.update(&self.seed);
            context.update(&self.counter.to_be_bytes());
            self.block.copy_from_slice(context.finish().as_ref());
            self.counter += 1;
            self.used = 0;
        }
        let byte = self.block.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        byte
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill_with(|| self.byte());
        Ok(())
    }
}
