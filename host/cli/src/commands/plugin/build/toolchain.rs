//! The compiler for plugins in Rust: the toolchain's own if it has the target, else the distribution's, which builds
//! the standard library from its source. `cargo xtask setup` installs either (docs/decisions/0001).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// What plugins are compiled for: it has no system below it, so there is nothing to import.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

const CARGO: &str = "/usr/bin/cargo";
const RUSTC: &str = "/usr/bin/rustc";
const SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
const PACKAGES: &str = "rustc-web cargo-web rust-web-src rust-web-llvm";
/// The minor version of the oldest compiler that the SDK is written for.
const OLDEST_MINOR: u32 = 95;

/// A compiler that makes core modules.
pub(super) enum Toolchain {
    /// Whatever `cargo` means in the crate's folder.
    Own,
    /// The distribution's.
    Distribution { linker: PathBuf },
}

impl Toolchain {
    /// The first that can do it.
    pub(super) fn find(folder: &Path) -> Result<Self, Failure> {
        if has_target(folder) {
            return Ok(Self::Own);
        }
        distribution(folder).ok_or_else(|| Failure::Configuration {
            found: format!("no compiler here makes modules for {TARGET}"),
            fix: format!(
                "run `rustup target add {TARGET}`; where that does not work, install Debian's packages {PACKAGES} \
                 (rustc 1.{OLDEST_MINOR} or newer), or compile elsewhere and give --module"
            ),
        })
    }

    /// `cargo build` for WebAssembly.
    pub(super) fn build(&self) -> Command {
        let mut command = match self {
            Self::Own => Command::new("cargo"),
            Self::Distribution { .. } => Command::new(CARGO),
        };
        command.args(["build", "--target", TARGET]);
        if let Self::Distribution { linker } = self {
            command
                // The standard library for this target is not packaged; building it is an unstable feature that a
                // packaged compiler offers only under this variable.
                .arg("-Zbuild-std=std,panic_abort")
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", RUSTC)
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                // What rustup and another cargo set for their children.
                .env_remove("CARGO")
                .env_remove("RUSTUP_TOOLCHAIN")
                .env_remove("LD_LIBRARY_PATH");
        }
        command
    }
}

/// Whether the toolchain of the crate's folder has a standard library for the target.
fn has_target(folder: &Path) -> bool {
    let library = ask("rustc", &["--print", "target-libdir", "--target", TARGET], folder);
    let entries = library.and_then(|library| std::fs::read_dir(library).ok());
    entries.is_some_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

fn distribution(folder: &Path) -> Option<Toolchain> {
    if !Path::new(CARGO).exists() || !Path::new(SOURCE).exists() {
        return None;
    }
    let minor: u32 = ask(RUSTC, &["--version"], folder)?.split('.').nth(1)?.parse().ok()?;
    (minor >= OLDEST_MINOR).then_some(Toolchain::Distribution { linker: linker(folder)? })
}

/// A linker for WebAssembly: every rustup toolchain brings one, even without the target.
fn linker(folder: &Path) -> Option<PathBuf> {
    let of_rustup = ask("rustup", &["which", "rustc"], folder)
        .and_then(|rustc| Path::new(&rustc).parent()?.parent().map(Path::to_owned));
    let own = ask("rustc", &["--print", "sysroot"], folder).map(PathBuf::from);
    let hosts = own.into_iter().chain(of_rustup).flat_map(|sysroot| {
        let hosts = sysroot.join("lib/rustlib").read_dir().into_iter().flatten().flatten();
        hosts.map(|host| host.path().join("bin/rust-lld"))
    });
    hosts.chain([PathBuf::from("/usr/bin/wasm-ld")]).find(|linker| linker.is_file())
}

/// What a program says; nothing if it cannot be asked.
fn ask(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
