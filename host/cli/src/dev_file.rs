//! `dev.json`: how a running `chancery dev` tells the client commands where it is.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::private_file::PrivateFile;

/// What `chancery dev` says of itself, in the file and on stdout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DevFile {
    /// Where wallets reach it.
    pub(crate) public_url: String,
    /// How to administer the platform, if there are many tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<DevPlatform>,
    /// Its tenants; the first is the one meant unless said otherwise.
    pub(crate) tenants: Vec<DevTenant>,
}

/// How to administer a development server with many tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DevPlatform {
    /// The platform-admin API.
    pub(crate) management_url: String,
    /// An API key that may do everything there.
    pub(crate) token: String,
}

/// One tenant of a development server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DevTenant {
    /// Names the tenant.
    pub(crate) slug: String,
    /// The issuer identifier.
    pub(crate) issuer: String,
    /// The management API.
    pub(crate) management_url: String,
    /// An API key that may do everything.
    pub(crate) token: String,
}

impl DevFile {
    /// Where the file lies.
    pub(crate) fn path(data: &Path) -> PathBuf {
        data.join("dev.json")
    }

    /// Reads the file; `None` if nothing runs there.
    pub(crate) fn read(data: &Path) -> Result<Option<Self>, Failure> {
        let path = Self::path(data);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(|error| Failure::Configuration {
                found: format!("{} cannot be read: {error}", path.display()),
                fix: "run as the person who started `chancery dev`, or give --url and --token".into(),
            })?,
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| Failure::Configuration {
            found: format!("{} was not written by this version: {error}", path.display()),
            fix: "restart `chancery dev`, or give --url and --token".into(),
        })
    }

    /// The tenant of that slug, or the first.
    pub(crate) fn tenant(self, slug: Option<&str>) -> Result<DevTenant, Failure> {
        let known: Vec<_> = self.tenants.iter().map(|tenant| tenant.slug.clone()).collect();
        let found = self.tenants.into_iter().find(|tenant| slug.is_none_or(|slug| tenant.slug == slug));
        found.ok_or_else(|| Failure::Configuration {
            found: format!("`chancery dev` knows no tenant {}", slug.unwrap_or_default()),
            fix: format!("name one of: {}", known.join(", ")),
        })
    }

    /// Writes the file, readable by its owner alone, so that a reader sees all of it or nothing.
    pub(crate) fn write(&self, data: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        PrivateFile::create(&Self::path(data))?.keep(&text)
    }

    /// Removes the file; that it is gone already is fine.
    pub(crate) fn remove(data: &Path) {
        let _ = std::fs::remove_file(Self::path(data));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_dev_wrote_is_what_clients_read() {
        let data = std::env::temp_dir().join(format!("chancery-dev-file-{}", std::process::id()));
        std::fs::create_dir_all(&data).unwrap();
        assert_eq!(DevFile::read(&data).unwrap(), None);
        let file = DevFile {
            public_url: "http://127.0.0.1:8080".into(),
            platform: None,
            tenants: vec![DevTenant {
                slug: "demo".into(),
                issuer: "http://127.0.0.1:8080".into(),
                management_url: "http://127.0.0.1:8080/api".into(),
                token: "chk_x".into(),
            }],
        };
        file.write(&data).unwrap();
        file.write(&data).unwrap();
        assert_eq!(DevFile::read(&data).unwrap().as_ref(), Some(&file));
        let mode = std::fs::metadata(DevFile::path(&data)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        DevFile::remove(&data);
        assert_eq!(DevFile::read(&data).unwrap(), None);
        std::fs::remove_dir_all(&data).unwrap();
    }
}
