//! Signed status lists in the data directory: what verifiers are shown while the database is away, and what a
//! database that was put back in time is reminded of.
//!
//! A list is found by where it is asked for, so that nothing has to be looked up. It is signed: whoever changes a
//! file makes it worthless and no more. There is one file for each list that the database has, at each identifier of
//! its issuer, in each form that somebody asked for; a new one takes the place of the old.

use std::io;
use std::path::Path;

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::files;
use crate::operations::publish_status_list::{LIFETIME, ListForm, PublishedList};

const FOLDER: &str = "status-lists";
/// The longest list that is kept; the largest of ours has a third of that.
const MOST: u64 = 1 << 20;

/// The first line of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Label {
    /// Whose list it is.
    pub(crate) tenant: String,
    /// Under which name of theirs.
    pub(crate) identifier: String,
    /// Its number.
    pub(crate) list: u64,
    pub(crate) version: u64,
    etag: String,
    key_id: String,
    signed_at: i64,
}

/// Where signed lists are kept.
pub(crate) struct KeptLists(Dir);

impl KeptLists {
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(FOLDER);
        std::fs::create_dir_all(&path)?;
        Ok(Self(Dir::open_ambient_dir(&path, ambient_authority())?))
    }

    /// Keeps a list that was just signed. If that fails, it is served from memory as long as that lasts.
    pub(crate) fn keep(
        &self,
        tenant: &str,
        identifier: &str,
        list: u64,
        form: ListForm,
        signed: &PublishedList,
    ) {
        let label = Label {
            tenant: tenant.to_owned(),
            identifier: identifier.to_owned(),
            list,
            version: signed.version,
            etag: signed.etag.clone(),
            key_id: signed.key_id.clone(),
            signed_at: signed.signed_at.unix_timestamp(),
        };
        let written = || {
            let mut head = serde_json::to_vec(&label)?;
            head.push(b'\n');
            let folder = folder_of(identifier);
            self.0.create_dir_all(&folder)?;
            files::write(&self.0.open_dir(&folder)?, &name_of(list, form), &[&head, &signed.token])
        };
        if let Err(error) = written() {
            tracing::warn!(%error, list, "a status list cannot be kept, it is not there when the database is away");
        }
    }

    /// The list as it was signed last, if it is still good.
    pub(crate) fn find(
        &self,
        identifier: &str,
        list: u64,
        form: ListForm,
        now: OffsetDateTime,
    ) -> Option<PublishedList> {
        let path = format!("{}/{}", folder_of(identifier), name_of(list, form));
        let (label, token) = self.read(&path)?;
        let signed_at = OffsetDateTime::from_unix_timestamp(label.signed_at).ok()?;
        let is_it = label.identifier == identifier && label.list == list;
        (is_it && signed_at <= now && now < signed_at + LIFETIME).then_some(PublishedList {
            token,
            etag: label.etag,
            version: label.version,
            key_id: label.key_id,
            signed_at,
            checked_at: now,
            confirmed_at: OffsetDateTime::UNIX_EPOCH,
        })
    }

    /// What every list said, in the form that statuses are read from; good or over.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Label, Bytes)> {
        let folders = self.0.entries().into_iter().flatten().flatten();
        let files = folders.flat_map(|folder| {
            let folder_name = folder.file_name().to_string_lossy().into_owned();
            let entries =
                folder.open_dir().and_then(|folder| folder.entries()).into_iter().flatten().flatten();
            entries.map(move |file| format!("{folder_name}/{}", file.file_name().to_string_lossy()))
        });
        let suffix = format!(".{}", ListForm::Jwt.word());
        files.filter(move |path| path.ends_with(&suffix)).filter_map(|path| self.read(&path))
    }

    /// Forgets the lists of an issuer that is no more.
    pub(crate) fn forget(&self, identifier: &str) {
        let gone = self.0.remove_dir_all(folder_of(identifier));
        if let Err(error) = gone
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "kept status lists of a deleted tenant cannot be removed");
        }
    }

    fn read(&self, path: &str) -> Option<(Label, Bytes)> {
        let read = files::read(&self.0, path, MOST);
        let bytes =
            read.inspect_err(|error| tracing::warn!(%error, path, "a kept list cannot be read")).ok()??;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let label = serde_json::from_slice(bytes.get(..end)?);
        let label = label.inspect_err(|error| tracing::warn!(%error, path, "a kept list is damaged")).ok()?;
        Some((label, Bytes::from(bytes).slice(end + 1..)))
    }
}

/// Identifiers have colons and slashes; half of a digest tells them apart.
fn folder_of(identifier: &str) -> String {
    hex::encode(Sha256::digest(identifier).get(..16).unwrap_or_default())
}

fn name_of(list: u64, form: ListForm) -> String {
    format!("{list}.{}", form.word())
}

#[cfg(test)]
mod tests {
    use chancery_credential::status_list::Purpose;
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-03-01 10:00 UTC);
    const ACME: &str = "https://issue.example/acme";

    fn list(token: &'static [u8]) -> PublishedList {
        PublishedList {
            token: Bytes::from_static(token),
            etag: "\"1-2\"".to_owned(),
            version: 1,
            key_id: "key".to_owned(),
            signed_at: NOW,
            checked_at: NOW,
            confirmed_at: NOW,
        }
    }

    fn lists(name: &str) -> (KeptLists, std::path::PathBuf) {
        let data = std::env::temp_dir().join(format!("chancery-lists-{name}-{}", std::process::id()));
        (KeptLists::open(&data).unwrap(), data)
    }

    #[test]
    fn a_list_is_found_where_and_as_long_as_it_is_good() {
        let (lists, data) = lists("found");
        lists.keep("tnt_1", ACME, 1 << 40, ListForm::Jwt, &list(b"old"));
        lists.keep("tnt_1", ACME, 1 << 40, ListForm::Jwt, &list(b"e30.new\n.line"));
        let find = |identifier: &str, number, form, now| lists.find(identifier, number, form, now);
        let found = find(ACME, 1 << 40, ListForm::Jwt, NOW).unwrap();
        assert_eq!((&*found.token, found.etag.as_str()), (&b"e30.new\n.line"[..], "\"1-2\""));
        assert!(find(ACME, 1 << 40, ListForm::Jwt, NOW + LIFETIME - Duration::SECOND).is_some());
        assert!(find(ACME, 1 << 40, ListForm::Jwt, NOW + LIFETIME).is_none());
        assert!(find(ACME, 1 << 41, ListForm::Jwt, NOW).is_none());
        assert!(find(ACME, 1 << 40, ListForm::Bitstring(Purpose::Revocation), NOW).is_none());
        assert!(find("https://issue.example/globex", 1 << 40, ListForm::Jwt, NOW).is_none());
        assert_eq!(lists.all().count(), 1);
        lists.forget(ACME);
        assert!(find(ACME, 1 << 40, ListForm::Jwt, NOW).is_none());
        std::fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_damaged_file_is_no_list() {
        let (lists, data) = lists("damaged");
        lists.keep("tnt_1", ACME, 7, ListForm::Jwt, &list(b"token"));
        let file = data.join(FOLDER).join(folder_of(ACME)).join("7.jwt");
        let whole = std::fs::read(&file).unwrap();
        for damaged in [&whole[..20], b"", b"\n", b"{}\n", &vec![b'x'; 1 << 21]] {
            std::fs::write(&file, damaged).unwrap();
            assert!(lists.find(ACME, 7, ListForm::Jwt, NOW).is_none());
        }
        // Another's, put in its place.
        lists.keep("tnt_2", "https://issue.example/globex", 7, ListForm::Jwt, &list(b"token"));
        let others = data.join(FOLDER).join(folder_of("https://issue.example/globex")).join("7.jwt");
        std::fs::copy(others, &file).unwrap();
        assert!(lists.find(ACME, 7, ListForm::Jwt, NOW).is_none());
        std::fs::remove_dir_all(data).unwrap();
    }
}
