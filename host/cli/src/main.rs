//! The `chancery` binary: everything is in [`chancery_cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    chancery_cli::run(std::env::args_os())
}
