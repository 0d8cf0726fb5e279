//! What turns Python and JavaScript into components: from their registries, in the versions that the
//! guests in `plugins/` pin, into this checkout's own `target/tools`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::Value;

use super::{python, system};
use crate::announce::Step;
use crate::command;
use crate::workspace::Workspace;

/// `componentize-py` in the version of the guest's `requirements.txt`.
pub(crate) fn componentize_py(workspace: &Workspace, guest: &Path) -> Result<PathBuf> {
    let requirements = fs::read_to_string(guest.join("requirements.txt"))?;
    let wanted = requirements.trim().replace("==", " ");
    let find = || {
        let program = workspace.tools().join("python/bin/componentize-py");
        let found = command::output(workspace.command(&program).arg("--version")).ok()?;
        (found.trim() == wanted).then_some(program)
    };
    let install = |step: &Step| python::install(workspace, step, &[requirements.trim()]);
    super::provide("componentize-py", find, install)
}

/// `componentize-qjs` in the version of the guest's `package.json`; its `package-lock.json` knows the hashes.
pub(crate) fn componentize_qjs(workspace: &Workspace, guest: &Path) -> Result<PathBuf> {
    let home = workspace.tools().join("javascript");
    let wanted = member(&guest.join("package.json"), "/devDependencies/componentize-qjs");
    let find = || {
        let found = member(&home.join("node_modules/componentize-qjs/package.json"), "/version")?;
        let program = home.join("node_modules/.bin/componentize-qjs");
        let runs = || command::succeeds(workspace.command(&program).arg("--help"));
        (Some(found) == wanted && runs()).then_some(program)
    };
    let install = |step: &Step| {
        node(workspace, step)?;
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&home)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(guest.join(file), home.join(file))?;
        }
        step.tell("npm install");
        let mut npm = workspace.command("npm");
        // Not `ci`: it fails where a binary for another system was never published. What is needed comes
        // ready-made; nobody's scripts have to run here.
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&home);
        command::output(&mut npm).map(drop)
    };
    super::provide("componentize-qjs", find, install)
}

/// A text in a JSON file.
fn member(file: &Path, pointer: &str) -> Option<String> {
    let document: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    document.pointer(pointer)?.as_str().map(str::to_owned)
}

fn node(workspace: &Workspace, step: &Step) -> Result<()> {
    let there =
        || ["node", "npm"].iter().all(|it| command::succeeds(workspace.command(*it).arg("--version")));
    if there() {
        return Ok(());
    }
    if !system::can_install() {
        bail!(
            "Node.js with npm is needed to build the guest in JavaScript (Debian: `apt-get install nodejs npm`)"
        );
    }
    system::install(workspace, step, &["nodejs", "npm"])
}
