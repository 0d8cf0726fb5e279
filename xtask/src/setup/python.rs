//! A Python environment of this checkout's own, for tools and oracles that come as wheels.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::system;
use crate::announce::Step;
use crate::command;
use crate::workspace::Workspace;

/// The interpreter of the environment, which may not be there yet.
pub(super) fn interpreter(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("python/bin/python")
}

/// The interpreter of the environment, made if need be.
pub(super) fn environment(workspace: &Workspace, step: &Step) -> Result<PathBuf> {
    let interpreter = interpreter(workspace);
    if command::succeeds(workspace.command(&interpreter).args(["-m", "pip", "--version"])) {
        return Ok(interpreter);
    }
    step.tell("making a Python environment");
    if create(workspace).is_err() {
        if !system::can_install() {
            bail!("a Python 3 with its `venv` module is needed (Debian: `apt-get install python3-venv`)");
        }
        system::install(workspace, step, &["python3", "python3-venv"])?;
        create(workspace)?;
    }
    Ok(interpreter)
}

fn create(workspace: &Workspace) -> Result<()> {
    let home = workspace.tools().join("python");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    fs::create_dir_all(workspace.tools())?;
    command::output(workspace.command("python3").args(["-m", "venv"]).arg(&home)).map(drop)
}

/// Installs into the environment exactly what is named.
pub(super) fn install(workspace: &Workspace, step: &Step, what: &[&str]) -> Result<()> {
    let interpreter = environment(workspace, step)?;
    step.tell("pip install");
    command::output(
        workspace
            .command(interpreter)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(what),
    )
    .map(drop)
}
