//! A child process for tests: a compiler, a runner, or a runner that somebody broke into.

mod drill;

use std::process::ExitCode;

use chancery_engine::{compiler, runner};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let served = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["compiler"] => compiler::serve(),
        ["runner"] => runner::serve(8),
        ["drill", action] => return drill::attempt(action),
        _ => return ExitCode::from(2),
    };
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
