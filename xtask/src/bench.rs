//! `cargo xtask bench issue|flows|tenants|plugin|activation|components|hostile`: builds in release mode, then lets `chancery-bench` measure.
//!
//! The document goes to standard output, everything else to standard error, so that it can be piped.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{plugins, setup};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Also write the document to a file.
    #[arg(long, global = true, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A tenth of everything: to see that it works, not to quote.
    #[arg(long, global = true)]
    quick: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// Complete issuances: throughput, latency, processor time, memory, and the floor beside it.
    Issue {
        /// Bind access tokens to the wallet's key.
        #[arg(long)]
        dpop: bool,
        /// Let the wallet fetch each offer by its link.
        #[arg(long)]
        by_reference: bool,
        /// What is issued: badge, person-sd-jwt, person-mdoc.
        #[arg(long)]
        format: Option<String>,
        /// How the wallet gets its token: pre-authorized, code.
        #[arg(long)]
        flow: Option<String>,
        /// How many copies are issued at once.
        #[arg(long)]
        copies: Option<u8>,
    },
    /// Every format and flow, each in turns with the plain one; and fetches of a status list.
    Flows,
    /// Ten tenants to a hundred thousand (`--quick`: ten thousand): what grows with them, and what one of them
    /// can do to the others.
    Tenants,
    /// Compiling, loading and calling a plugin.
    Plugin,
    /// A version that becomes active while 32 issue at two replicas, and is rolled back: failures, latency meanwhile,
    /// and how soon each replica uses it.
    Activation,
    /// A thousand tenants (`--quick`: sixty), each with a component of its own: memory of server and runner, and
    /// whether a call of one notices the others.
    Components,
    /// Guests and files that mean no good, let loose on a server that others use: memory, deadlines, decisions on
    /// uploads, what the others notice, and how soon a killed runner is replaced.
    Hostile,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let (workspace, toolchain) = setup::running(workspace)?;
    let binaries = workspace.target().join("release");
    // Made first, so that the plugins are laid out beside the binaries that are about to be there.
    fs::create_dir_all(&binaries)?;
    plugins::build(&workspace, &toolchain)?;
    build(&workspace)?;

    let data = workspace.target().join("bench");
    if data.exists() {
        fs::remove_dir_all(&data).with_context(|| format!("clear {}", data.display()))?;
    }
    let mut bench = workspace.command(binaries.join("chancery-bench"));
    match &arguments.what {
        What::Issue { dpop, by_reference, format, flow, copies } => {
            bench.arg("issue").arg("--chancery").arg(binaries.join("chancery"));
            bench.args(dpop.then_some("--dpop")).args(by_reference.then_some("--by-reference"));
            bench.args(format.iter().flat_map(|format| ["--format", format]));
            bench.args(flow.iter().flat_map(|flow| ["--flow", flow]));
            bench.args(copies.iter().flat_map(|copies| ["--copies".to_owned(), copies.to_string()]));
        }
        What::Flows => {
            bench.arg("flows").arg("--chancery").arg(binaries.join("chancery"));
        }
        What::Tenants => {
            bench.arg("tenants").arg("--chancery").arg(binaries.join("chancery"));
        }
        What::Plugin => {
            bench.arg("plugin").arg("--chancery").arg(binaries.join("chancery"));
        }
        What::Activation => {
            bench.arg("activation").arg("--chancery").arg(binaries.join("chancery"));
        }
        What::Components => {
            bench.arg("components").arg("--chancery").arg(binaries.join("chancery"));
        }
        What::Hostile => {
            bench.arg("hostile").arg("--chancery").arg(binaries.join("chancery"));
        }
    }
    bench.arg("--plugins").arg(binaries.join("plugins")).arg("--data").arg(&data);
    bench.args(arguments.quick.then_some("--quick"));
    let output = bench
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("failed to start chancery-bench")?;
    if !output.status.success() {
        bail!("the benchmark failed ({})", output.status);
    }
    if let Some(path) = &arguments.out {
        fs::write(path, &output.stdout).with_context(|| format!("write {}", path.display()))?;
    }
    std::io::stdout().write_all(&output.stdout)?;
    Ok(())
}

/// Not under a step: steps talk on standard output, where only the document belongs.
fn build(workspace: &Workspace) -> Result<()> {
    let status = workspace
        .cargo("build")
        .args(["--release", "--package", "chancery", "--package", "chancery-bench"])
        .stdin(Stdio::null())
        .status()
        .context("failed to start cargo")?;
    if status.success() { Ok(()) } else { bail!("the release build failed ({status})") }
}
