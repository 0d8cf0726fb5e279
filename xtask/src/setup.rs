//! `cargo xtask setup`: installs what is missing, says what it does, asks nothing.
//!
//! Nothing is remembered: each need is looked for anew, so a tool that was removed is noticed and
//! a second run changes nothing.

pub(crate) mod checks;
pub(crate) mod guests;
pub(crate) mod postgres;
pub(crate) mod python;
mod system;
pub(crate) mod wasm;

use anyhow::{Context, Result, bail};

use crate::announce::Step;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only tell what is there and what is missing; fails if anything is.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if arguments.check {
        return check(workspace);
    }
    let (workspace, _) = running(workspace)?;
    testing(&workspace)?;
    println!("Everything is there.");
    if let Some(binaries) = postgres::installed_here(&workspace) {
        println!("To run `chancery` yourself: export CHANCERY_POSTGRES={}", binaries.display());
    }
    Ok(())
}

/// What building and running the issuer needs. The answer knows where PostgreSQL is.
pub(crate) fn running(workspace: &Workspace) -> Result<(Workspace, wasm::Toolchain)> {
    Ok((database(workspace)?, wasm::toolchain(workspace)?))
}

/// PostgreSQL alone.
pub(crate) fn database(workspace: &Workspace) -> Result<Workspace> {
    Ok(workspace.with_postgres(&postgres::binaries(workspace)?))
}

/// What the checks need beyond that.
pub(crate) fn testing(workspace: &Workspace) -> Result<checks::Tools> {
    let tools = checks::tools(workspace)?;
    if !tools.nextest {
        println!("cargo-nextest is not installed; `cargo test` runs the tests instead");
    }
    Ok(tools)
}

/// Looks for a need and, where it is missing, installs it and looks again.
fn provide<T>(
    what: &str,
    find: impl Fn() -> Option<T>,
    install: impl FnOnce(&Step) -> Result<()>,
) -> Result<T> {
    if let Some(found) = find() {
        return Ok(found);
    }
    let step = Step::begin(format!("installing {what}"));
    install(&step).with_context(|| format!("failed to install {what}"))?;
    let found = find().with_context(|| format!("{what} was installed, but does not run"))?;
    step.done("");
    Ok(found)
}

fn check(workspace: &Workspace) -> Result<()> {
    let found = [
        ("a WebAssembly toolchain", wasm::find(workspace).map(|toolchain| toolchain.to_string())),
        (
            "PostgreSQL 15 or newer",
            postgres::find(workspace)
                .map(|(binaries, version)| format!("{version} in {}", binaries.display())),
        ),
        ("cargo-nextest", checks::nextest(workspace).then(|| "on the search path".to_owned())),
        ("cargo-deny", checks::find_deny(workspace).map(|program| program.display().to_string())),
        (
            "Python with the oracles",
            checks::find_oracles(workspace).map(|python| python.display().to_string()),
        ),
    ];
    for (what, where_) in &found {
        println!(
            "{} {what}: {}",
            if where_.is_some() { "✓" } else { "✗" },
            where_.as_deref().unwrap_or("missing")
        );
    }
    // The tests can do without nextest, and it is not ours to install.
    let missing = found.iter().filter(|(what, found)| found.is_none() && *what != "cargo-nextest").count();
    if missing > 0 {
        bail!("{missing} of {} missing; `cargo xtask setup` installs them", found.len());
    }
    Ok(())
}
