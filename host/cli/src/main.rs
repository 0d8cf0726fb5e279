//! The `chancery` binary: everything is in [`chancery_cli`].

use std::process::ExitCode;

/// An issuance allocates some thousand times, mostly little and for short.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    chancery_cli::run(std::env::args_os())
}
