//! Debian's packages, where they are ours to install.

use std::path::Path;

use anyhow::{Result, bail};

use crate::announce::Step;
use crate::command;
use crate::workspace::Workspace;

/// Whether `install` can work at all here.
pub(super) fn can_install() -> bool {
    is_root() && Path::new("/usr/bin/apt-get").exists()
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Installs Debian packages; the package lists are fetched only when the present ones do not do.
pub(super) fn install(workspace: &Workspace, step: &Step, packages: &[&str]) -> Result<()> {
    if !can_install() {
        bail!("installing {} needs root and apt-get", packages.join(", "));
    }
    step.tell(&format!("apt-get install {}", packages.join(" ")));
    if attempt(workspace, packages).is_ok() {
        return Ok(());
    }
    step.tell("apt-get update");
    command::output(apt(workspace).arg("update"))?;
    step.tell(&format!("apt-get install {}", packages.join(" ")));
    attempt(workspace, packages)
}

fn attempt(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    command::output(apt(workspace).args(["install", "--yes", "--no-install-recommends"]).args(packages))
        .map(drop)
}

fn apt(workspace: &Workspace) -> std::process::Command {
    let mut apt = workspace.command("/usr/bin/apt-get");
    // Another installation may hold the lock for a while.
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "-o", "DPkg::Lock::Timeout=300"]);
    apt
}
