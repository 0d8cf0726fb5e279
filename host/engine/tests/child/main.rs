//! A child process for tests: a compiler, a runner, or a runner that somebody broke into.

mod drill;
mod passer;

use std::process::ExitCode;

use chancery_engine::{compiler, runner};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let served = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["compiler"] => compiler::serve(),
        ["runner"] => runner::serve(8),
        ["runner", "on-an-old-kernel"] => runner::serve_on_an_old_kernel(8),
        ["passer"] => passer::serve(),
        ["drill", "list"] => {
            drill::list(&drill::ACTIONS);
            return ExitCode::SUCCESS;
        }
        ["drill", "not-everywhere"] => {
            drill::list(&drill::NOT_EVERYWHERE);
            return ExitCode::SUCCESS;
        }
        ["drill", action, folder] => return drill::attempt(action, folder, true),
        ["drill", action, folder, "without-walls"] => return drill::attempt(action, folder, false),
        _ => return ExitCode::from(2),
    };
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
