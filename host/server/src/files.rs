//! Files that are whole or not there: written beside, then put in their place.

use std::io::{self, Read as _, Write as _};

use cap_std::fs::{Dir, OpenOptions};

/// Writes a file that only this user may read. A reader sees all of it or what was there before.
pub(crate) fn write(dir: &Dir, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let beside = format!("{name}.{}.new", std::process::id());
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = dir.open_with(&beside, &options)?;
    for part in parts {
        file.write_all(part)?;
    }
    // Else the name may survive a loss of power and the bytes not.
    file.sync_all()?;
    drop(file);
    dir.rename(&beside, dir, name)
}

/// Reads a file, none if there is none; an error if it is longer than `most`.
pub(crate) fn read(dir: &Dir, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match dir.open(name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= most);
    if fits { Ok(Some(bytes)) } else { Err(io::ErrorKind::FileTooLarge.into()) }
}
