//! A signing key of a person's own, in a file for their eyes: of a licensor, or of a publisher of plugins.

use std::fmt::Write as _;
use std::path::Path;

use chancery_credential::{Algorithm, SigningKey, SystemRandom};
use chancery_domain::random_bytes;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::private_file::PrivateFile;

/// The Ed25519 key in the file; a new one if there is no file.
pub(crate) fn signing_key(path: &Path) -> Result<SigningKey, Failure> {
    let unusable = |found: String| Failure::Usage {
        found,
        fix: "a key is 32 bytes as 64 hexadecimal digits; name a file that is not there to get a new one"
            .into(),
    };
    let mut seed = Zeroizing::new([0; 32]);
    match std::fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => {
            let text = text.trim();
            let digits = text.is_ascii().then(|| (0..64).step_by(2).map(|at| text.get(at..at + 2)));
            let bytes = digits.filter(|_| text.len() == 64).and_then(|digits| {
                digits.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<Vec<u8>>>()
            });
            let bytes =
                Zeroizing::new(bytes.ok_or_else(|| unusable(format!("{} holds no key", path.display())))?);
            seed.copy_from_slice(&bytes);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => *seed = made(path)?,
        Err(error) => return Err(unusable(format!("{} cannot be read: {error}", path.display()))),
    }
    let none = |_| unusable(format!("{} holds no key", path.display()));
    SigningKey::new(Algorithm::EdDsa, &seed).map_err(none)
}

/// Makes a key and writes it where nothing is yet.
pub(crate) fn make(path: &Path) -> Result<SigningKey, Failure> {
    if path.exists() {
        return Err(Failure::Usage {
            found: format!("{} exists", path.display()),
            fix: "name a file that is not there: what a key signed is worth as much as the key is kept"
                .into(),
        });
    }
    signing_key(path)
}

fn made(path: &Path) -> Result<[u8; 32], Failure> {
    let seed = random_bytes(&SystemRandom);
    let mut digits = Zeroizing::new(String::with_capacity(64));
    for byte in seed {
        let _ = write!(digits, "{byte:02x}");
    }
    PrivateFile::create(path)?.keep(digits.as_bytes())?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("licensor.key");
        let made = signing_key(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(signing_key(&path).unwrap().key_id(), made.key_id());
        for nonsense in ["", "00", &"zz".repeat(32), &"ä".repeat(32)] {
            std::fs::write(&path, nonsense).unwrap();
            assert!(signing_key(&path).is_err(), "{nonsense}");
        }
    }
}
