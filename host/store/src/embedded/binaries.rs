//! Finding PostgreSQL on the machine.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::EmbeddedError;

/// The oldest major version that will do.
const OLDEST: u32 = 15;
/// For each major version, the first minor without CVE-2026-16239 (code execution by any SQL user).
const FIRST_SOUND: [(u32, u32); 4] = [(15, 19), (16, 15), (17, 11), (18, 6)];

/// Where to look for PostgreSQL, besides the places where distributions put it.
#[derive(Debug, Clone, Default)]
pub struct BinarySearch {
    /// A directory with `postgres` and `initdb` in it. If set, nothing else is looked at.
    pub directory: Option<PathBuf>,
    /// The value of `PATH`.
    pub path: Option<OsString>,
}

/// One PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installation {
    pub(super) bin: PathBuf,
    pub(super) major: u32,
    pub(super) minor: u32,
}

/// The directory of the newest PostgreSQL that will do, if there is one.
pub fn find_binaries(search: &BinarySearch) -> Option<PathBuf> {
    found(search).into_iter().next().map(|installation| installation.bin)
}

impl Installation {
    /// The newest; or for a cluster that exists, the newest of the major version that made it.
    pub(super) fn choose(search: &BinarySearch, data: &Path) -> Result<Self, EmbeddedError> {
        let found = found(search);
        let mut candidates = found.iter();
        let chosen = match cluster_version(data) {
            None => candidates.next(),
            Some(cluster) => match candidates.find(|installation| installation.major == cluster) {
                None if !found.is_empty() => {
                    return Err(EmbeddedError::VersionMismatch {
                        data: data.to_owned(),
                        cluster,
                        found: found.iter().map(|installation| installation.major).collect(),
                    });
                }
                chosen => chosen,
            },
        };
        chosen.cloned().ok_or_else(|| EmbeddedError::NotFound { looked_in: directories(search) })
    }

    pub(super) fn warn_if_outdated(&self) {
        let sound = FIRST_SOUND.iter().find(|(major, _)| *major == self.major);
        if let Some((major, minor)) = sound.filter(|(_, minor)| self.minor < *minor) {
            tracing::warn!(
                version = format!("{}.{}", self.major, self.minor),
                "this PostgreSQL has known security faults, update it to {major}.{minor} or later"
            );
        }
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    fn at(bin: &Path) -> Option<Self> {
        if !bin.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(bin.join("postgres")).arg("--version").env_clear().output().ok()?;
        let (major, minor) = version(&String::from_utf8(output.stdout).ok()?)?;
        Some(Self { bin: bin.to_owned(), major, minor })
    }
}

/// All that will do, the newest first; of equals, the one that was found first.
fn found(search: &BinarySearch) -> Vec<Installation> {
    let directories = directories(search);
    let installations = directories.iter().filter_map(|bin| Installation::at(bin));
    let mut found: Vec<_> = installations.filter(|found| found.major >= OLDEST).collect();
    found.sort_by_key(|installation| std::cmp::Reverse((installation.major, installation.minor)));
    found
}

/// The directories to look into. What `PATH` holds may be a link into the real directory, and PostgreSQL
/// looks for its own files beside the real one.
fn directories(search: &BinarySearch) -> Vec<PathBuf> {
    if let Some(directory) = &search.directory {
        return vec![directory.clone()];
    }
    let mut directories = Vec::new();
    for entry in search.path.iter().flat_map(std::env::split_paths) {
        let real = fs::canonicalize(entry.join("postgres")).ok();
        directories.extend(real.and_then(|file| Some(file.parent()?.to_owned())));
    }
    // Debian and Ubuntu; Red Hat and SUSE; Homebrew on Linux and on a Mac.
    for (root, bin) in [
        ("/usr/lib/postgresql", "bin"),
        ("/usr", "bin"),
        ("/usr/local", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/home/linuxbrew/.linuxbrew/opt", "bin"),
    ] {
        let mut versions: Vec<_> = fs::read_dir(root)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| root == "/usr/lib/postgresql" || is_named_for_postgresql(path))
            .map(|path| path.join(bin))
            .collect();
        versions.sort();
        directories.extend(versions);
    }
    directories.push("/usr/bin".into());
    let mut seen = std::collections::HashSet::new();
    directories.retain(|directory| seen.insert(directory.clone()));
    directories
}

/// `pgsql-17`, `postgresql@17`, `postgresql17`, …
fn is_named_for_postgresql(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("pgsql") || name.starts_with("postgresql")
}

/// The major version that made the cluster, if there is a cluster.
pub(super) fn cluster_version(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; a development version has no minor.
fn version(text: &str) -> Option<(u32, u32)> {
    let number = text.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((digits(major).parse().ok()?, digits(minor).parse().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some((15, 18)));
        assert_eq!(version("postgres (PostgreSQL) 19beta1\n"), Some((19, 0)));
        assert_eq!(version("cat (GNU coreutils) 9.1\n"), None);
    }
}
