//! Where things are: the checkout, its target directory, and the tools kept in it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The checkout that this workshop was built from.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    /// Found or installed by setup; searched before `PATH` by every child.
    postgres: Option<PathBuf>,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        // Asked at run time first: a checkout that was moved keeps working without a rebuild.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("find the workspace above xtask/")?.to_owned();
        // The binary lies in <target>/<profile>/, wherever cargo was told to put its target directory.
        let executable = env::current_exe().context("find the running xtask binary")?;
        let target = executable
            .parent()
            .and_then(Path::parent)
            .context("find the target directory above the xtask binary")?
            .to_owned();
        Ok(Self { root, target, postgres: None })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// What setup installs for this checkout alone.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The directory of the binaries built by `cargo build`.
    pub(crate) fn debug(&self) -> PathBuf {
        self.target.join("debug")
    }

    pub(crate) fn chancery(&self) -> PathBuf {
        self.debug().join("chancery")
    }

    /// A path as one would type it at the root.
    pub(crate) fn near(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    pub(crate) fn with_postgres(&self, binaries: &Path) -> Self {
        Self { root: self.root.clone(), target: self.target.clone(), postgres: Some(binaries.to_owned()) }
    }

    /// A command that runs at the root and does not notice that a `cargo run` stands above it.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        self.forget_cargos_libraries(&mut command);
        if let Some(path) = self.search_path() {
            command.env("PATH", path);
        }
        command
    }

    /// The cargo that runs this workshop.
    pub(crate) fn cargo(&self, verb: &str) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.arg(verb);
        command
    }

    /// `cargo run` puts its own library directories in front; a compiler of another origin must
    /// not find them.
    fn forget_cargos_libraries(&self, command: &mut Command) {
        let Some(inherited) = env::var_os("LD_LIBRARY_PATH") else {
            return;
        };
        let own: Vec<PathBuf> = env::split_paths(&inherited)
            .filter(|directory| !directory.starts_with(&self.target))
            .filter(|directory| !directory.to_string_lossy().contains("/rustlib/"))
            .filter(|directory| !directory.to_string_lossy().contains("/toolchains/"))
            .collect();
        match env::join_paths(own) {
            Ok(own) if !own.is_empty() => command.env("LD_LIBRARY_PATH", own),
            _ => command.env_remove("LD_LIBRARY_PATH"),
        };
    }

    fn search_path(&self) -> Option<OsString> {
        let binaries = self.postgres.clone()?;
        let inherited = env::var_os("PATH").unwrap_or_default();
        env::join_paths(std::iter::once(binaries).chain(env::split_paths(&inherited))).ok()
    }
}
