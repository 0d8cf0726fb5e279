//! The directory of `chancery dev`: made by it, used by one host at a time, and deleted only if it
//! carries the mark that says so.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use crate::failure::Failure;

/// The mark; it is locked while a host runs.
const MARK: &str = ".made-by-chancery-dev";
/// What the mark says to whoever opens it.
const MARK_TEXT: &str = "`chancery dev` made this directory, and `chancery dev --reset` may delete it.\n";
/// What a host holds locked that uses an embedded database here, however it was started.
const DATABASE_LOCK: &str = "postgres.lock";

/// A directory that belongs to this process until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory if it is not there, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| unusable(path, &error.to_string());
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let mark = path.join(MARK);
        if !mark.exists() {
            if !is_empty(path).map_err(failed)? {
                return Err(unusable(path, "it holds files, and `chancery dev` did not make it"));
            }
            fs::write(&mark, MARK_TEXT).map_err(failed)?;
        }
        Ok(Self { _lock: lock(path, &mark)? })
    }

    /// Deletes the directory, if it is ours and nobody uses it.
    pub(crate) fn reset(path: &Path) -> Result<(), Failure> {
        let failed = |error: io::Error| unusable(path, &error.to_string());
        // Somebody may have deleted the directory by hand, but not the database that lies elsewhere.
        let remove_elsewhere = || {
            chancery_server::remove_database_elsewhere(path)
                .map_err(|error| unusable(path, &error.to_string()))
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        if is_empty(path).map_err(failed)? {
            return remove_elsewhere();
        }
        let mark = path.join(MARK);
        if !mark.is_file() {
            return Err(unusable(path, "it is not deleted, because `chancery dev` did not make it"));
        }
        // Held to the end: nobody starts here while it is being deleted.
        let _dev = lock(path, &mark)?;
        let database = path.join(DATABASE_LOCK);
        let _database = database.exists().then(|| lock(path, &database)).transpose()?;
        remove_elsewhere()?;
        fs::remove_dir_all(path).map_err(failed)
    }
}

/// Locks a file for as long as it is open; a killed process holds nothing.
fn lock(path: &Path, file: &Path) -> Result<File, Failure> {
    let failed = |error: io::Error| unusable(path, &error.to_string());
    let file = OpenOptions::new().write(true).open(file).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::Configuration {
            found: format!("another host runs in {}", path.display()),
            fix: "stop it, or choose another --data".into(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn is_empty(path: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(path)?.next().is_none())
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::Configuration {
        found: format!("{} cannot be the data directory: {why}", path.display()),
        fix: "choose an empty or a new directory in --data".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("chancery-data-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_directory_belongs_to_one_host_at_a_time() {
        let path = scratch("one");
        let held = DataDirectory::take(&path).unwrap();
        assert!(DataDirectory::take(&path).unwrap_err().to_string().contains("another host"));
        assert!(DataDirectory::reset(&path).unwrap_err().to_string().contains("another host"));
        drop(held);
        drop(DataDirectory::take(&path).unwrap());
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn only_a_directory_of_ours_is_deleted() {
        let path = scratch("ours");
        DataDirectory::reset(&path).unwrap();
        assert!(is_empty(&path).unwrap(), "there was nothing to delete");
        fs::write(path.join("thesis.txt"), "years of work").unwrap();
        let refusal = DataDirectory::reset(&path).unwrap_err();
        assert_eq!(refusal.exit_code(), 4);
        assert!(refusal.to_string().contains("did not make it"), "{refusal}");
        assert!(DataDirectory::take(&path).is_err(), "a foreign directory must never get the mark");
        assert!(path.join("thesis.txt").exists());
        fs::remove_file(path.join("thesis.txt")).unwrap();
        drop(DataDirectory::take(&path).unwrap());
        DataDirectory::reset(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_running_database_is_not_deleted_under_its_host() {
        let path = scratch("database");
        drop(DataDirectory::take(&path).unwrap());
        let database = File::create(path.join(DATABASE_LOCK)).unwrap();
        database.try_lock().unwrap();
        assert!(DataDirectory::reset(&path).unwrap_err().to_string().contains("another host"));
        drop(database);
        DataDirectory::reset(&path).unwrap();
        assert!(!path.exists());
    }
}
