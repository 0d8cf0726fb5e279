//! The workshop: `cargo xtask setup|plugins|demo|test|bench|queries|advisories`.
//!
//! One file per verb. It depends on no host crate, so that it builds when the house does not.
#![expect(clippy::print_stdout, reason = "the workshop talks to people, on standard output")]
#![expect(clippy::print_stderr, reason = "progress is no data")]

mod advisories;
mod announce;
mod bench;
mod command;
mod demo;
mod links;
mod plugins;
mod queries;
mod setup;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The workspace's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install or find what building, testing and running need; asks nothing.
    Setup(setup::Arguments),
    /// Build the bundled plugins and put them beside the binaries.
    Plugins,
    /// Start a development issuer, issue one credential to a wallet, and go on serving.
    Demo(demo::Arguments),
    /// Run every check that CI runs.
    Test(test::Arguments),
    /// Measure what an issuance or a plugin call costs; prints one JSON document.
    Bench(bench::Arguments),
    /// Renew the checked metadata of every SQL statement (`.sqlx`).
    Queries(queries::Arguments),
    /// Look the locked dependencies up in the `RustSec` advisory database.
    Advisories,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Workspace::find().and_then(|workspace| match arguments.verb {
        Verb::Setup(arguments) => setup::run(&workspace, &arguments),
        Verb::Plugins => plugins::run(&workspace),
        Verb::Demo(arguments) => demo::run(&workspace, &arguments),
        Verb::Test(arguments) => test::run(&workspace, &arguments),
        Verb::Bench(arguments) => bench::run(&workspace, &arguments),
        Verb::Queries(arguments) => queries::run(&workspace, &arguments),
        Verb::Advisories => advisories::run(&workspace),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            announce::failure(&error);
            ExitCode::FAILURE
        }
    }
}
