//! Guests in other languages: a folder of `plugins/` with a `plugin.json` becomes a component too.
//!
//! No issuer starts with one. They are there to be tested and to be read: the contract is WIT, and any
//! language that can build a component can implement it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wasm_encoder::{CustomSection, Section as _};

use crate::announce::Step;
use crate::command;
use crate::setup::guests;
use crate::workspace::Workspace;

const WIT: &str = "wit/0.1.0";

/// Builds what changed since it was built last.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let components = super::components(workspace);
    fs::create_dir_all(&components)?;
    for guest in list(workspace)? {
        let name = guest.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (component, record) =
            (components.join(format!("{name}.wasm")), components.join(format!("{name}.inputs")));
        let inputs = inputs(workspace, &guest)?;
        if component.exists() && fs::read(&record).is_ok_and(|earlier| earlier == inputs) {
            continue;
        }
        make(workspace, &guest, &component)
            .with_context(|| format!("failed to make a component of the plugin {name}"))?;
        fs::write(record, inputs)?;
    }
    Ok(())
}

/// The folders that hold such a guest.
fn list(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(workspace.root().join("plugins"))?;
    let mut guests: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("plugin.json").is_file())
        .collect();
    guests.sort();
    Ok(guests)
}

fn make(workspace: &Workspace, guest: &Path, component: &Path) -> Result<()> {
    let manifest: Value = serde_json::from_str(&fs::read_to_string(guest.join("plugin.json"))?)?;
    let hook = manifest.get("hook").and_then(Value::as_str).context("find the hook in plugin.json")?;
    let half = component.with_extension("wasm.part");
    let mut build = if guest.join("app.py").exists() {
        python(workspace, guest, hook, &half)?
    } else if guest.join("plugin.js").exists() {
        javascript(workspace, guest, hook, &half)?
    } else {
        bail!("there is neither app.py nor plugin.js");
    };
    let step = Step::begin(format!("building {}", guest.file_name().unwrap_or_default().to_string_lossy()));
    command::output(&mut build)?;
    let mut bytes = fs::read(&half)?;
    let vectors = Value::Array(vectors(guest)?);
    for (name, content) in [("chancery:plugin", &manifest), ("chancery:vectors", &vectors)] {
        let data = content.to_string().into_bytes();
        CustomSection { name: name.into(), data: data.into() }.append_to(&mut bytes);
    }
    fs::write(&half, &bytes)?;
    fs::rename(&half, component)?;
    step.done(&format!("{} KiB", bytes.len() >> 10));
    Ok(())
}

/// Without WASI: what the interpreter imports and never uses would only be something to refuse.
fn python(workspace: &Workspace, guest: &Path, hook: &str, output: &Path) -> Result<Command> {
    let program = guests::componentize_py(workspace, guest)?;
    let mut command = workspace.command(program);
    command.arg("--wit-path").arg(contract(workspace, hook)?).args(["--world", hook]);
    command.args(["componentize", "app", "--stub-wasi", "--python-path"]).arg(guest);
    command.arg("--output").arg(output);
    // A cache of bytecode has no place among the sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("VIRTUAL_ENV");
    Ok(command)
}

/// Without the asynchronous calls of components, which the host does not have.
fn javascript(workspace: &Workspace, guest: &Path, hook: &str, output: &Path) -> Result<Command> {
    let program = guests::componentize_qjs(workspace, guest)?;
    let mut command = workspace.command(program);
    command.arg("--wit").arg(contract(workspace, hook)?).args(["--world", hook]);
    command.args(["--sync", "--stub-wasi", "--js"]).arg(guest.join("plugin.js")).arg("--output").arg(output);
    Ok(command)
}

/// The contract as these tools read it: the hook's package, and below it those that it uses.
fn contract(workspace: &Workspace, hook: &str) -> Result<PathBuf> {
    let folder = workspace.target().join("guests/wit").join(hook);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for (package, below) in [(hook, ""), ("types", "deps/types"), ("log", "deps/log")] {
        let folder = folder.join(below);
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(workspace.root().join(WIT).join(package))?.flatten() {
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    Ok(folder)
}

/// Everything that the component is made of.
fn inputs(workspace: &Workspace, guest: &Path) -> Result<Vec<u8>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in [guest.to_owned(), guest.join("vectors")] {
        files.extend(fs::read_dir(folder)?.flatten().map(|entry| entry.path()).filter(|path| path.is_file()));
    }
    for package in fs::read_dir(workspace.root().join(WIT))?.flatten() {
        files.extend(fs::read_dir(package.path())?.flatten().map(|entry| entry.path()));
    }
    files.sort();
    let mut inputs = Vec::new();
    for file in files {
        inputs.extend_from_slice(workspace.near(&file).as_bytes());
        inputs.push(b'\n');
        inputs.extend(fs::read(file)?);
    }
    Ok(inputs)
}

fn vectors(guest: &Path) -> Result<Vec<Value>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(guest.join("vectors"))?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.iter().map(|file| Ok(serde_json::from_str(&fs::read_to_string(file)?)?)).collect()
}
