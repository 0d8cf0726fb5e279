//! Where an embedded cluster keeps its files, and who may enter.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::account::{Account, Ids};
use super::{EmbeddedError, SUPERUSER, io};

/// How long a host that is going away may take to let go of the directory.
const WAIT_FOR_LOCK: Duration = Duration::from_secs(15);
/// Where clusters go whose data directory an unprivileged user cannot reach.
const SYSTEM_DATA: &str = "/var/lib/chancery";
/// What the path of a Unix socket may have (`sun_path`), without the final zero.
const SOCKET_PATH: usize = 107;
pub(super) const SOCKET_FILE: &str = ".s.PGSQL.5432";
const LOCK: &str = "postgres.lock";

/// Where an embedded cluster keeps its files.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Of all of it; the lock lies here.
    base: PathBuf,
    /// The cluster itself.
    pub(super) data: PathBuf,
    /// Rules of access and the log.
    pub(super) run: PathBuf,
    /// The socket.
    pub(super) socket: PathBuf,
}

impl Layout {
    pub(super) fn prepare(data: &Path, account: &Account) -> Result<Self, EmbeddedError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data)
            .map_err(io("make the data directory", data))?;
        let data = fs::canonicalize(data).map_err(io("find the data directory", data))?;
        let base = match account.drop_to {
            Some(ids) if !can_reach(&data, ids) => {
                let base = elsewhere(&data);
                tracing::info!(
                    "user {} cannot enter {}, so the embedded PostgreSQL lives in {}",
                    ids.uid,
                    data.display(),
                    base.display()
                );
                base
            }
            _ => data,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&base)
            .map_err(io("make the directory", &base))?;
        let run = base.join("postgres-run");
        private_directory(&run, account)?;
        let socket = if run.join(SOCKET_FILE).as_os_str().len() <= SOCKET_PATH {
            run.clone()
        } else {
            let short = Path::new("/tmp").join(format!("chancery-{}", fingerprint(&run)));
            private_directory(&short, account)?;
            tracing::info!("the path of the socket would be too long, it lies in {}", short.display());
            short
        };
        Ok(Self { data: base.join("postgres"), run, socket, base })
    }

    /// Where the cluster is made, before it takes its place in one step.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.base.join("postgres.unfinished")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.run.join("log")
    }

    /// Keeps other hosts out for as long as the file is open, which a killed process's is not.
    pub(super) async fn lock(&self) -> Result<File, EmbeddedError> {
        let path = self.base.join(LOCK);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(io("open", &path))?;
        let started = Instant::now();
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if started.elapsed() > WAIT_FOR_LOCK {
                return Err(EmbeddedError::InUse(self.base.clone()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(file)
    }

    /// The host's own user is the superuser, by peer credentials; everybody else needs a password. Written
    /// anew at every start, so that the rules are those of this version of the program.
    pub(super) fn write_access_rules(&self, account: &Account, superuser: &str) -> Result<(), EmbeddedError> {
        let rules = format!(
            "# Written at every start.\n\
             local all {superuser} peer map=host\n\
             local all all scram-sha-256\n"
        );
        let names = format!("# Written at every start.\nhost \"{}\" {superuser}\n", account.host_name);
        for (name, content) in [("pg_hba.conf", rules), ("pg_ident.conf", names)] {
            let path = self.run.join(name);
            fs::write(&path, content).map_err(io("write", &path))?;
            fs::set_permissions(&path, Permissions::from_mode(0o644)).map_err(io("open up", &path))?;
        }
        Ok(())
    }

    /// The URL of a database in this cluster, as superuser.
    pub(super) fn url(&self, database: &str) -> String {
        let mut url = format!("postgres://{SUPERUSER}@localhost/{database}?host=");
        url.extend(url::form_urlencoded::byte_serialize(self.socket.as_os_str().as_encoded_bytes()));
        url
    }
}

/// Where the cluster goes if its user cannot enter the data directory.
fn elsewhere(data: &Path) -> PathBuf {
    Path::new(SYSTEM_DATA).join(fingerprint(data))
}

/// Deletes the cluster that was put elsewhere because its user could not enter this data directory,
/// if there is one. Whoever deletes a data directory must do this too: the next cluster of that
/// path would find the old one.
pub fn remove_elsewhere(data: &Path) -> Result<(), EmbeddedError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(()); // only root's cluster runs as somebody else
    }
    let data = fs::canonicalize(data).map_err(io("find the data directory", data))?;
    let base = elsewhere(&data);
    let lock = match File::open(base.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("open the lock in", &base)(error)),
    };
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(EmbeddedError::InUse(base));
    }
    fs::remove_dir_all(&base).map_err(io("delete", &base))
}

/// Makes a directory that only its owner enters, or checks that it is one. Another user may have
/// made a directory of that name in a shared place; that one is refused.
fn private_directory(path: &Path, account: &Account) -> Result<(), EmbeddedError> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(path).map_err(io("examine", path))?;
            let me = rustix::process::geteuid().as_raw();
            let ours = found.uid() == me || account.drop_to.is_some_and(|ids| ids.uid == found.uid());
            if !(found.is_dir() && ours) {
                let reason = std::io::Error::other("it belongs to somebody else");
                return Err(io("use the directory", path)(reason));
            }
        }
        Err(error) => return Err(io("make the directory", path)(error)),
    }
    give(path, account)?;
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(io("close", path))
}

/// Makes the file or directory the property of the user that PostgreSQL runs as.
pub(super) fn give(path: &Path, account: &Account) -> Result<(), EmbeddedError> {
    let Some(Ids { uid, gid }) = account.drop_to else { return Ok(()) };
    std::os::unix::fs::lchown(path, Some(uid), Some(gid)).map_err(io("give away", path))
}

/// Whether the user may pass through every directory of the path.
fn can_reach(path: &Path, ids: Ids) -> bool {
    path.ancestors().all(|directory| {
        fs::metadata(directory).is_ok_and(|found| {
            let needed = if found.uid() == ids.uid {
                0o100
            } else if found.gid() == ids.gid {
                0o010
            } else {
                0o001
            };
            found.mode() & needed != 0
        })
    })
}

/// A short name for a long path.
fn fingerprint(path: &Path) -> String {
    use std::fmt::Write as _;

    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
