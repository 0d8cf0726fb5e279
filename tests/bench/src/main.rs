//! What an issuance and a plugin call cost, as one JSON document on standard output.
//!
//! `cargo xtask bench issue|flows|tenants|plugin|activation|components|hostile` builds everything in release mode and runs this. `issue` starts a
//! PostgreSQL cluster and the real `chancery` binary, and is their wallet and manager from a process of
//! its own; so the costs of the server, of PostgreSQL and of the driver can be told apart. Beside
//! them it measures the floor: the parts that no implementation of that flow can leave out.
#![expect(clippy::print_stderr, reason = "progress is talk, and talk goes to standard error")]
#![expect(clippy::print_stdout, reason = "the document is data, and data goes to standard output")]

mod activation;
mod components;
mod consent;
mod cost;
mod crew;
mod floor;
mod flow;
mod flows;
mod goal;
mod hostile;
mod http;
mod issue;
mod issuer;
mod machine;
mod manager;
mod measure;
mod pace;
mod place;
mod plugin;
mod tenants;
mod wallet;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde_json::Value;

#[derive(Parser)]
#[command(name = "chancery-bench", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Also write the document to a file.
    #[arg(long, global = true, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Complete issuances, from the offer to the credential.
    Issue(issue::Arguments),
    /// Every way to a credential, and what it costs beside the plain one.
    Flows(place::Place),
    /// Many tenants: what grows with them, and what one of them can do to the others.
    Tenants(place::Place),
    /// Compiling, loading and calling a plugin.
    Plugin(plugin::Arguments),
    /// A version that becomes active under load, at two replicas.
    Activation(place::Place),
    /// A thousand components on one host.
    Components(place::Place),
    /// What those who mean no good cost everybody else.
    Hostile(place::Place),
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chancery-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let document: Value = match arguments.what {
        What::Issue(issue) => on_one_thread(issue::run(&issue))?,
        What::Flows(place) => on_one_thread(flows::run(&place))?,
        What::Tenants(place) => on_one_thread(tenants::run(&place))?,
        What::Activation(place) => on_one_thread(activation::run(&place))?,
        What::Components(place) => on_one_thread(components::run(&place))?,
        What::Hostile(place) => on_one_thread(hostile::run(&place))?,
        What::Plugin(plugin) => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(plugin::run(&plugin))?
        }
    };
    let text = serde_json::to_string_pretty(&document)?;
    if let Some(path) = &arguments.out {
        std::fs::write(path, format!("{text}\n")).with_context(|| format!("write {}", path.display()))?;
    }
    println!("{text}");
    Ok(())
}

/// So that the driver leaves a core to those it measures.
fn on_one_thread(measuring: impl Future<Output = Result<Value>>) -> Result<Value> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measuring)
}
