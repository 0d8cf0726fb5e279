//! The toolchain that compiles plugins: rustup's `wasm32-unknown-unknown`, or Debian's compiler
//! building the standard library from its own source.
//!
//! Why two: docs/decisions/0001-plugin-toolchain.md.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::system;
use crate::announce::Step;
use crate::command;
use crate::workspace::Workspace;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm"];
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
/// The minor version of the oldest compiler that the plugins are written for.
const OLDEST_MINOR: u32 = 95;

/// A compiler that can make core modules for plugins.
pub(crate) enum Toolchain {
    Rustup,
    Debian { linker: PathBuf },
}

impl fmt::Display for Toolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Rustup => "the target of the running toolchain",
            Self::Debian { .. } => "Debian's compiler with the standard library built from source",
        })
    }
}

impl Toolchain {
    /// `cargo build` for WebAssembly, to which the caller adds what to build.
    pub(crate) fn build(&self, workspace: &Workspace) -> Command {
        let mut command = match self {
            Self::Rustup => workspace.cargo("build"),
            Self::Debian { linker } => {
                let mut command = workspace.command(DEBIAN_CARGO);
                command
                    .arg("build")
                    // The standard library for this target is not packaged; building it is an
                    // unstable feature that a packaged compiler offers only under this variable.
                    .args(["-Zbuild-std=std,panic_abort"])
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                    .env_remove("CARGO")
                    .env_remove("RUSTUP_TOOLCHAIN");
                command
            }
        };
        command.args(["--target", TARGET]);
        command
    }
}

pub(crate) fn toolchain(workspace: &Workspace) -> Result<Toolchain> {
    super::provide("a WebAssembly toolchain", || find(workspace), |step| install(workspace, step))
}

pub(crate) fn find(workspace: &Workspace) -> Option<Toolchain> {
    if rustup_target(workspace) { Some(Toolchain::Rustup) } else { debian(workspace) }
}

fn rustup_target(workspace: &Workspace) -> bool {
    command::output(workspace.command("rustc").args(["--print", "target-libdir", "--target", TARGET]))
        .ok()
        .and_then(|directory| std::fs::read_dir(directory.trim()).ok())
        .is_some_and(|mut entries| {
            entries.any(|entry| {
                entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
            })
        })
}

fn debian(workspace: &Workspace) -> Option<Toolchain> {
    if !Path::new(DEBIAN_CARGO).exists() || !Path::new(DEBIAN_SOURCE).exists() {
        return None;
    }
    let version = command::output(workspace.command(DEBIAN_RUSTC).arg("--version")).ok()?;
    let minor: u32 = version.split('.').nth(1)?.parse().ok()?;
    if minor < OLDEST_MINOR {
        return None;
    }
    Some(Toolchain::Debian { linker: linker(workspace)? })
}

/// A linker for WebAssembly: every rustup toolchain brings one, even without the target.
fn linker(workspace: &Workspace) -> Option<PathBuf> {
    let sysroot = command::output(workspace.command("rustc").args(["--print", "sysroot"])).ok()?;
    let hosts = Path::new(sysroot.trim()).join("lib/rustlib").read_dir().ok()?;
    hosts
        .flatten()
        .map(|host| host.path().join("bin/rust-lld"))
        .chain([PathBuf::from("/usr/bin/wasm-ld")])
        .find(|linker| linker.is_file())
}

fn install(workspace: &Workspace, step: &Step) -> Result<()> {
    step.tell("rustup target add wasm32-unknown-unknown");
    let by_rustup = command::output(workspace.command("rustup").args(["target", "add", TARGET]));
    let Err(rustup_error) = by_rustup else {
        return Ok(());
    };
    let Err(debian_error) = system::install(workspace, step, &DEBIAN_PACKAGES) else {
        return Ok(());
    };
    bail!(
        "plugins need a compiler for {TARGET}. Either run `rustup target add {TARGET}`, or install \
         Debian's packages {} (rustc 1.{OLDEST_MINOR} or newer).\n\
         rustup said: {rustup_error:#}\nDebian's way: {debian_error:#}",
        DEBIAN_PACKAGES.join(" ")
    )
}
