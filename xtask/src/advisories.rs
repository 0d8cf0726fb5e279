//! `cargo xtask advisories`: the locked dependencies against the `RustSec` database.
//!
//! Not part of `test`: its answer changes with the day, not with the tree.

use anyhow::Result;

use crate::command;
use crate::setup::checks;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let deny = checks::deny(workspace)?;
    command::openly(workspace.command(deny).args(["check", "advisories"]))
}
