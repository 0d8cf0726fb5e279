//! Whom PostgreSQL runs as. It refuses to run as root, for good reason.

use std::fs;
use std::path::Path;

use super::EmbeddedError;

/// Whom to run PostgreSQL as, and whom it will see connecting.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// The name of the host's own user.
    pub(super) host_name: String,
    /// Whom to become, where the host is root.
    pub(super) drop_to: Option<Ids>,
}

/// A user and its first group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    pub(super) fn to_run_as() -> Result<Self, EmbeddedError> {
        let uid = rustix::process::geteuid().as_raw();
        let path = Path::new("/etc/passwd");
        let users = fs::read_to_string(path).map_err(super::io("read", path))?;
        let host_name = entries(&users)
            .find(|(_, ids)| ids.uid == uid)
            .map(|(name, _)| name.to_owned())
            .ok_or(EmbeddedError::NamelessUser(uid))?;
        let named = |name: &str| entries(&users).find(|(entry, _)| *entry == name).map(|(_, ids)| ids);
        let drop_to = match uid {
            0 => {
                Some(named("postgres").or_else(|| named("nobody")).ok_or(EmbeddedError::NoUnprivilegedUser)?)
            }
            _ => None,
        };
        Ok(Self { host_name, drop_to })
    }
}

/// The lines of passwd(5).
fn entries(users: &str) -> impl Iterator<Item = (&str, Ids)> {
    users.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((name, Ids { uid, gid }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_file_is_read() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# a remark\npostgres:x:101:104:,,,:/var/lib:/bin/sh\n";
        let found: Vec<_> = entries(users).collect();
        assert_eq!(found, [("root", Ids { uid: 0, gid: 0 }), ("postgres", Ids { uid: 101, gid: 104 })]);
    }
}
