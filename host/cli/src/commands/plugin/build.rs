//! `chancery plugin build`: the folder of a plugin becomes a component, in whichever language it is written.

mod script;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use wit_component::ComponentEncoder;

use self::toolchain::{TARGET, Toolchain};
use crate::failure::Failure;
use crate::output;

pub(super) fn build(folder: &Path, out: Option<PathBuf>, module: Option<PathBuf>) -> Result<(), Failure> {
    let made = match module {
        Some(module) => encode(&module, out)?,
        None => make(folder, out)?,
    };
    let size = std::fs::metadata(&made)?.len();
    output::talk(&format!("{size} bytes; check it with `chancery plugin check {}`", made.display()));
    output::data(&made.display().to_string())?;
    Ok(())
}

/// Builds what is in the folder. The answer is where the component is.
pub(super) fn make(folder: &Path, out: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if folder.join("Cargo.toml").exists() {
        return encode(&compile(folder)?, out);
    }
    if let Some(script) = script::in_folder(folder) {
        return script::make(&script, folder, out);
    }
    Err(Failure::Usage {
        found: format!("there is no plugin in {}", folder.display()),
        fix:
            "give the folder that holds its Cargo.toml, app.py or plugin.js; `chancery plugin new` begins one"
                .into(),
    })
}

/// Makes a component of a core module.
fn encode(module: &Path, out: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let bytes = std::fs::read(module).map_err(|error| Failure::Usage {
        found: format!("{} cannot be read: {error}", module.display()),
        fix: "give the core module that the compiler wrote".into(),
    })?;
    let encoder = ComponentEncoder::default().validate(true).module(&bytes);
    let component = encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| Failure::Plugin {
        found: format!("no component can be made of {}: {error:#}", module.display()),
    })?;
    let out = out.unwrap_or_else(|| beside(module));
    put(&out, &component)?;
    Ok(out)
}

/// Renamed into place: whoever watches the file never reads half a component.
fn put(out: &Path, component: &[u8]) -> Result<(), Failure> {
    let half = out.with_extension("wasm.part");
    std::fs::write(&half, component)?;
    Ok(std::fs::rename(half, out)?)
}

/// The crate's own name has hyphens where the module's has underscores.
fn beside(module: &Path) -> PathBuf {
    let stem = module.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
    module.with_file_name(format!("{stem}.component.wasm"))
}

/// Compiles the crate and finds the module that came of it.
fn compile(folder: &Path) -> Result<PathBuf, Failure> {
    let mut command = Toolchain::find(folder)?.build();
    command.args(["--release", "--lib", "--message-format", "json-render-diagnostics"]);
    command.current_dir(folder).stderr(Stdio::inherit());
    let built = command.output().map_err(|error| Failure::Configuration {
        found: format!("cargo cannot be started: {error}"),
        fix: "install Rust (https://rustup.rs), or compile elsewhere and give --module".into(),
    })?;
    if !built.status.success() {
        return Err(Failure::Plugin { found: format!("the crate does not compile for {TARGET}") });
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
