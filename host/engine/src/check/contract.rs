//! Who a component says it is, what it wants and what it offers, by name. Whether the types fit is
//! checked when it is linked.

use crate::{hook::Hook, log::escaped, manifest::Manifest, refused::Refused};

/// What people are shown of a list of names.
const NAMES: usize = 200;
const NAME: usize = 200;

/// The manifest, which every plugin has.
pub(super) fn manifest(section: Option<&[u8]>) -> Result<Manifest, Refused> {
    let section =
        section.ok_or_else(|| Refused::Manifest("is missing; the SDK's `export!` writes it".into()))?;
    Manifest::parse(section).map_err(Refused::Manifest)
}

/// Names for a report: not all of them, and nothing that a terminal would take for more than text.
pub(super) fn names(names: &[&str]) -> Vec<String> {
    names.iter().take(NAMES).map(|name| escaped(name, NAME)).collect()
}

/// Exactly the hook that the manifest names; any hook at all while there is no manifest.
pub(super) fn exports(exports: &[&str], hook: Option<Hook>) -> Result<(), Refused> {
    let known = |export: &str| Hook::ALL.into_iter().any(|hook| hook.export() == export);
    let Some(hook) = hook else {
        let found = exports.iter().any(|export| known(export));
        return if found {
            Ok(())
        } else {
            Err(Refused::MissingExport(Hook::CredentialTemplate.export().into()))
        };
    };
    if !exports.contains(&hook.export()) {
        return Err(Refused::MissingExport(hook.export().into()));
    }
    match exports.iter().find(|export| **export != hook.export()) {
        None => Ok(()),
        Some(export) => {
            Err(Refused::ForeignExport { export: escaped(export, NAME), hook: hook.as_str().into() })
        }
    }
}

/// What a component may import by name.
pub(super) fn imports(imports: &[&str]) -> Result<(), Refused> {
    imports.iter().try_for_each(|import| importable(import))
}

fn importable(import: &str) -> Result<(), Refused> {
    const OURS: [&str; 2] = ["chancery:types/types@0.1.0", "chancery:log/log@0.1.0"];
    const WASI: [&str; 17] = [
        "wasi:cli/environment",
        "wasi:cli/exit",
        "wasi:cli/stdin",
        "wasi:cli/stdout",
        "wasi:cli/stderr",
        "wasi:cli/terminal-input",
        "wasi:cli/terminal-output",
        "wasi:cli/terminal-stdin",
        "wasi:cli/terminal-stdout",
        "wasi:cli/terminal-stderr",
        "wasi:clocks/monotonic-clock",
        "wasi:clocks/wall-clock",
        "wasi:io/error",
        "wasi:io/poll",
        "wasi:io/streams",
        "wasi:random/random",
        "wasi:random/insecure-seed",
    ];
    let hint = match import.split_once('@') {
        _ if OURS.contains(&import) => return Ok(()),
        Some((name, version)) if WASI.contains(&name) => {
            if version.starts_with("0.2.") {
                return Ok(());
            }
            "but only WASI 0.2 is linked"
        }
        Some((name, _)) if name.starts_with("wasi:filesystem/") => {
            "but plugins have no files; build without what opens them"
        }
        Some((name, _)) if name.starts_with("wasi:sockets/") || name.starts_with("wasi:http/") => {
            "but plugins have no network; answer `need` and let the host look it up"
        }
        Some((name, _)) if name.starts_with("chancery:") => "but this host does not have that version of it",
        _ => "but plugins import nothing beside `chancery:log` and the closed part of WASI 0.2",
    };
    Err(Refused::Import { import: escaped(import, NAME), hint: hint.into() })
}
