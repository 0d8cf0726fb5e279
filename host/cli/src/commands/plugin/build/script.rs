//! Plugins in Python and JavaScript: the language's own tool makes the component, an interpreter included; who the
//! plugin is and its examples come to it here, as no SDK writes them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use wasm_encoder::{CustomSection, Section as _};

use crate::commands::plugin::{contract, read_json};
use crate::failure::Failure;

/// A language whose tool makes components.
#[derive(Clone, Copy)]
enum Language {
    Python,
    JavaScript,
}

/// A plugin in such a language.
pub(super) struct Script {
    language: Language,
    manifest: Value,
}

/// The plugin in a folder, if it is one of these; a manifest that cannot be read is told when it is built.
pub(super) fn in_folder(folder: &Path) -> Option<Script> {
    let language = if folder.join("app.py").exists() {
        Language::Python
    } else if folder.join("plugin.js").exists() {
        Language::JavaScript
    } else {
        return None;
    };
    let manifest = read_json(&folder.join("plugin.json")).unwrap_or_default();
    Some(Script { language, manifest })
}

/// Makes the component.
pub(super) fn make(script: &Script, folder: &Path, out: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let text = |member: &str| script.manifest.get(member).and_then(Value::as_str);
    let (Some(name), Some(hook)) = (text("name"), text("hook")) else {
        return Err(Failure::Usage {
            found: format!("{} has no plugin.json with a name and a hook", folder.display()),
            fix: "`chancery plugin new --lang python` shows one".into(),
        });
    };
    let place = tempfile::tempdir()?;
    let world = contract::lay_out(hook, place.path())?;
    let raw = place.path().join("component.wasm");
    run(script.language, folder, (place.path(), world), &raw)?;
    let mut component = std::fs::read(&raw)?;
    // No SDK writes these here.
    let vectors = Value::Array(vectors(folder)?);
    for (name, content) in [("chancery:plugin", &script.manifest), ("chancery:vectors", &vectors)] {
        let data = content.to_string().into_bytes();
        CustomSection { name: name.into(), data: data.into() }.append_to(&mut component);
    }
    let out = if let Some(out) = out {
        out
    } else {
        std::fs::create_dir_all(folder.join("target"))?;
        folder.join(format!("target/{name}.component.wasm"))
    };
    super::put(&out, &component)?;
    Ok(out)
}

fn run(
    language: Language,
    folder: &Path,
    (contract, world): (&Path, &str),
    out: &Path,
) -> Result<(), Failure> {
    let (program, below, fix) = match language {
        Language::Python => (
            "componentize-py",
            ".venv/bin",
            "install it beside the plugin: `python3 -m venv .venv && .venv/bin/pip install -r requirements.txt`",
        ),
        Language::JavaScript => ("componentize-qjs", "node_modules/.bin", "install it: `npm install`"),
    };
    let beside = folder.join(below).join(program);
    let beside = std::path::absolute(beside).ok().filter(|program| program.exists());
    let mut command = Command::new(beside.unwrap_or_else(|| program.into()));
    // Without WASI: what the interpreter imports and never uses would only be something to refuse.
    match language {
        Language::Python => {
            command.arg("--wit-path").arg(contract).args(["--world", world]);
            command.args(["componentize", "app", "--stub-wasi", "--python-path"]).arg(folder);
            command.arg("--output").arg(out);
            // A cache of bytecode has no place among the sources.
            command.env("PYTHONDONTWRITEBYTECODE", "1");
        }
        // And without the asynchronous calls of components, which the host does not have.
        Language::JavaScript => {
            command.arg("--wit").arg(contract).args(["--world", world]);
            command.args(["--sync", "--stub-wasi", "--js"]).arg(folder.join("plugin.js"));
            command.arg("--output").arg(out);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().map_err(|error| Failure::Configuration {
        found: format!("{program} cannot be started: {error}"),
        fix: fix.into(),
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Plugin { found: format!("{program} made no component of it") })
}

/// Its examples, in the order of their files' names.
fn vectors(folder: &Path) -> Result<Vec<Value>, Failure> {
    let entries = folder.join("vectors").read_dir().into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files.iter().map(|file| read_json(file)).collect()
}
