//! A file for its owner's eyes, which appears whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that is being made beside its final place; dropped without [`PrivateFile::keep`] it
/// leaves no trace.
#[derive(Debug)]
pub(crate) struct PrivateFile {
    path: PathBuf,
    beside: PathBuf,
    file: File,
}

impl PrivateFile {
    /// Begins one. Whatever would keep it from being written shows here.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let beside = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        Ok(Self { path: path.to_owned(), beside, file })
    }

    /// Writes it and puts it in its place; what was there before is gone.
    pub(crate) fn keep(mut self, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content)?;
        self.file.sync_all()?;
        fs::rename(&self.beside, &self.path)
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        // After `keep` there is nothing any more under this name.
        let _ = fs::remove_file(&self.beside);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_appears_whole_and_private_or_not_at_all() {
        let folder = std::env::temp_dir().join(format!("chancery-private-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("secret.json");
        drop(PrivateFile::create(&path).unwrap());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        PrivateFile::create(&path).unwrap().keep(b"{}").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_place_that_cannot_be_written_shows_before_the_work() {
        assert!(PrivateFile::create(Path::new("not-there/secret.json")).is_err());
        assert!(PrivateFile::create(&std::env::temp_dir()).is_err());
    }
}
