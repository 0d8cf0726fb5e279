//! The log: on stderr, so that stdout stays data.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::arguments::{Global, Output};
use crate::failure::Failure;

/// What is logged unless asked otherwise. The database driver repeats notices that nobody needs.
const DEFAULT_FILTER: &str = "info,sqlx=warn";

/// Starts logging for the rest of the process.
pub(crate) fn start(global: &Global) -> Result<(), Failure> {
    let filter = global.log.as_deref().unwrap_or(DEFAULT_FILTER);
    let filter = EnvFilter::try_new(filter).map_err(|error| Failure::Configuration {
        found: format!("the log filter {filter:?} is not understood: {error}"),
        fix: "write e.g. `--log info,chancery_server=debug` or set CHANCERY_LOG so".into(),
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second start in one process (tests) keeps the first log.
    let _ = match global.log_format {
        Output::Text => log.with_target(false).try_init(),
        Output::Json => log.json().try_init(),
    };
    Ok(())
}
