//! `chancery plugin build`: a crate becomes a core module, and the module a component.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use wit_component::ComponentEncoder;

use crate::failure::Failure;
use crate::output;

/// What plugins are compiled for: it has no system below it, so there is nothing to import.
const TARGET: &str = "wasm32-unknown-unknown";

pub(super) fn build(folder: &Path, out: Option<PathBuf>, module: Option<PathBuf>) -> Result<(), Failure> {
    let module = match module {
        Some(module) => module,
        None => compile(folder)?,
    };
    let bytes = std::fs::read(&module).map_err(|error| Failure::Usage {
        found: format!("{} cannot be read: {error}", module.display()),
        fix: "give the core module that the compiler wrote".into(),
    })?;
    let encoder = ComponentEncoder::default().validate(true).module(&bytes);
    let component = encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| Failure::Plugin {
        found: format!("no component can be made of {}: {error:#}", module.display()),
    })?;
    let out = out.unwrap_or_else(|| beside(&module));
    std::fs::write(&out, &component)?;
    output::talk(&format!(
        "{} bytes; check it with `chancery plugin check {}`",
        component.len(),
        out.display()
    ));
    output::data(&out.display().to_string())?;
    Ok(())
}

/// The crate's own name has hyphens where the module's has underscores.
fn beside(module: &Path) -> PathBuf {
    let stem = module.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
    module.with_file_name(format!("{stem}.component.wasm"))
}

/// Compiles the crate and finds the module that came of it.
fn compile(folder: &Path) -> Result<PathBuf, Failure> {
    let arguments =
        ["build", "--release", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"];
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(folder).stderr(std::process::Stdio::inherit());
    let built = command.output().map_err(|error| Failure::Configuration {
        found: format!("cargo cannot be started: {error}"),
        fix: "install Rust (https://rustup.rs), or compile elsewhere and give --module".into(),
    })?;
    if !built.status.success() {
        return Err(Failure::Plugin {
            found: format!(
                "the crate does not compile for {TARGET}; if the target is missing, `rustup target add {TARGET}`"
            ),
        });
    }
    let messages = String::from_utf8_lossy(&built.stdout);
    let mut modules = messages.lines().filter_map(|line| module_of(&serde_json::from_str(line).ok()?));
    modules.next_back().ok_or_else(|| Failure::Usage {
        found: "the crate is no plugin: nothing of it is a dynamic library".into(),
        fix: "write `crate-type = [\"cdylib\", \"rlib\"]` below [lib] in its Cargo.toml".into(),
    })
}

fn module_of(message: &Value) -> Option<PathBuf> {
    let files = message.get("filenames")?.as_array()?.iter().filter_map(Value::as_str).map(PathBuf::from);
    let is_library = message.pointer("/target/crate_types")?.as_array()?.iter().any(|kind| kind == "cdylib");
    let mut modules = files.filter(|file| file.extension().is_some_and(|extension| extension == "wasm"));
    modules.next().filter(|_| is_library)
}
