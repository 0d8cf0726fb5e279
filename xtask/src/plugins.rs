//! `cargo xtask plugins`: every crate of `plugins/` becomes a component beside the binaries.
//!
//! A crate says `[package.metadata.chancery] bundled = false` when it is a guest for tests only:
//! it is built, but no issuer starts with it. So are the guests in other languages ([`guests`]), which the
//! demo does without.

pub(crate) mod guests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use wit_component::ComponentEncoder;

use crate::announce::Step;
use crate::command;
use crate::setup::{self, wasm};
use crate::workspace::Workspace;

/// One plugin crate, as its manifest describes it.
struct Plugin {
    name: String,
    /// The file stem that the compiler gives its core module.
    module: String,
    bundled: bool,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let (workspace, toolchain) = setup::running(workspace)?;
    build(&workspace, &toolchain)?;
    guests::build(&workspace)
}

/// Compiles, encodes and lays out all plugins. Files are written only when their bytes change.
pub(crate) fn build(workspace: &Workspace, toolchain: &wasm::Toolchain) -> Result<()> {
    let step = Step::begin("building the plugins");
    let plugins = list(workspace)?;
    compile(workspace, toolchain, &step)?;
    let components = components(workspace);
    fs::create_dir_all(&components)?;
    for plugin in &plugins {
        step.tell(&format!("encoding {}", plugin.name));
        let component = encode(workspace, plugin)
            .with_context(|| format!("failed to make a component of the plugin {}", plugin.name))?;
        write_if_changed(&components.join(format!("{}.wasm", plugin.name)), &component)?;
    }
    for binaries in profiles(workspace) {
        lay_out(&components, &binaries.join("plugins"), &plugins)?;
    }
    let names: Vec<&str> = plugins.iter().map(|plugin| plugin.name.as_str()).collect();
    step.done(&names.join(", "));
    Ok(())
}

/// The folder of every component, those for tests included.
pub(crate) fn components(workspace: &Workspace) -> PathBuf {
    workspace.root().join("plugins/target/components")
}

fn manifest(workspace: &Workspace) -> PathBuf {
    workspace.root().join("plugins/Cargo.toml")
}

fn list(workspace: &Workspace) -> Result<Vec<Plugin>> {
    let metadata = command::output(
        workspace
            .cargo("metadata")
            .args(["--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(manifest(workspace)),
    )?;
    let metadata: Value = serde_json::from_str(&metadata).context("read the answer of `cargo metadata`")?;
    let packages = metadata.get("packages").and_then(Value::as_array).context("find the plugin crates")?;
    let mut plugins: Vec<Plugin> = packages.iter().filter_map(plugin).collect();
    plugins.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(plugins)
}

fn plugin(package: &Value) -> Option<Plugin> {
    let targets = package.get("targets")?.as_array()?;
    let library = targets.iter().find(|target| {
        let kinds = target.get("crate_types").and_then(Value::as_array);
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
    })?;
    Some(Plugin {
        name: package.get("name")?.as_str()?.to_owned(),
        module: library.get("name")?.as_str()?.replace('-', "_"),
        bundled: package.pointer("/metadata/chancery/bundled") != Some(&Value::Bool(false)),
    })
}

fn compile(workspace: &Workspace, toolchain: &wasm::Toolchain, step: &Step) -> Result<()> {
    let log = workspace.target().join("plugins.log");
    let mut build = toolchain.build(workspace);
    build
        .args(["--release", "--workspace", "--lib", "--manifest-path"])
        .arg(manifest(workspace))
        .arg("--target-dir")
        .arg(workspace.root().join("plugins/target"))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", remapped(workspace));
    command::within(step, &log, &mut build)
}

/// Paths of this machine have no place in a component: its digest names it.
fn remapped(workspace: &Workspace) -> String {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let flags = [(cargo.as_path(), "/cargo"), (workspace.root(), "/chancery")];
    let remapped = flags.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    // In what is compiled only: people still want to find the file that an error names.
    format!("--remap-path-scope=object {}", remapped.join(" "))
}

fn encode(workspace: &Workspace, plugin: &Plugin) -> Result<Vec<u8>> {
    let module = workspace
        .root()
        .join("plugins/target")
        .join(wasm::TARGET)
        .join("release")
        .join(format!("{}.wasm", plugin.module));
    let bytes = fs::read(&module).with_context(|| format!("read {}", module.display()))?;
    let encoder = ComponentEncoder::default().validate(true).module(&bytes);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| anyhow::anyhow!("{error:#}"))
}

/// The profiles that binaries were built in; `debug` always, it is what the demo runs.
fn profiles(workspace: &Workspace) -> impl Iterator<Item = PathBuf> {
    let release = workspace.target().join("release");
    std::iter::once(workspace.debug()).chain(release.exists().then_some(release))
}

/// Makes a folder hold exactly the bundled plugins.
fn lay_out(components: &Path, folder: &Path, plugins: &[Plugin]) -> Result<()> {
    fs::create_dir_all(folder)?;
    let wanted: Vec<String> = plugins
        .iter()
        .filter(|plugin| plugin.bundled)
        .map(|plugin| format!("{}.wasm", plugin.name))
        .collect();
    for name in &wanted {
        write_if_changed(&folder.join(name), &fs::read(components.join(name))?)?;
    }
    // A plugin that was renamed or withdrawn must not be loaded from here any more.
    for entry in fs::read_dir(folder)?.flatten() {
        let component = entry.path().extension().is_some_and(|extension| extension == "wasm");
        if component && !wanted.iter().any(|name| entry.file_name() == name.as_str()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    // Renamed into place: a running issuer never reads half a component.
    let half = path.with_extension("wasm.part");
    fs::write(&half, bytes)?;
    fs::rename(&half, path).with_context(|| format!("failed to write {}", path.display()))
}
