//! The `chancery` binary as a library: the command tree, and the strict test
//! wallet that tests and benchmarks use too.
//!
//! Client commands talk to the management API and nothing else, so they work
//! against any host; `serve`, `dev`, `migrate` and `doctor` start the server
//! crate in this process.

mod arguments;
mod child;
mod commands;
mod data_directory;
mod dev_file;
mod failure;
mod http;
mod key_file;
mod log;
mod management;
mod output;
mod private_file;
pub mod wallet;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;
use crate::failure::Failure;

/// Runs one command line and says how the process should end.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(served) = child::serve(&arguments) {
        return if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Help goes to stdout and is no failure; clap knows the difference. A closed pipe is nobody's fault.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(failure::USAGE));
        }
    };
    let form = arguments.global.output;
    match obey(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(form);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn obey(arguments: Arguments) -> Result<(), Failure> {
    log::start(&arguments.global)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Machine)?;
    runtime.block_on(commands::obey(arguments.command, arguments.global.output))
}
