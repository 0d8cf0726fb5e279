//! This program as a child of its own server, before anything else is started in it: a process that confines itself
//! may have no thread yet.

use std::ffi::OsString;
use std::io;

use chancery_engine::{compiler, runner};
use chancery_server::{COMPILER_COMMAND, RUNNER_COMMAND};

/// Serves as the compiler or the runner of plugins, if the command line says so. Nobody types these.
pub(crate) fn serve(arguments: &[OsString]) -> Option<io::Result<()>> {
    let (command, rest) = arguments.get(1..)?.split_first()?;
    if command == COMPILER_COMMAND {
        return Some(compiler::serve());
    }
    if command == RUNNER_COMMAND {
        let calls = rest.first()?.to_str()?.parse().ok()?;
        return Some(runner::serve(calls));
    }
    None
}
