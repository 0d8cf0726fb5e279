//! What this host saw of its database last, kept beside it: a database that was put back in time does not know
//! that itself (docs/decisions/0031-restores.md).

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use chancery_domain::{Random, random_bytes};
use chancery_store::{By, History, Store, StoreError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::files;

const FILE: &str = "history.json";
/// The file is some hundred bytes, and a line for each list that was not taken back.
const MOST: u64 = 1 << 20;

/// What was seen, and what came of the last restore.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Testimony {
    deployment: Uuid,
    epoch: Uuid,
    mark: u64,
    /// Published lists whose revocations could not be taken back, and why.
    #[serde(default)]
    pub(crate) left: Vec<String>,
}

impl Testimony {
    /// Whether the database, at this place in its life, is older than what was seen of it.
    pub(crate) fn is_ahead_of(&self, here: &History) -> bool {
        self.deployment == here.deployment && self.mark > here.mark
    }
}

/// Keeps the testimony.
pub(crate) struct Witness {
    dir: Dir,
    seen: Mutex<Option<Testimony>>,
    moved: AtomicBool,
}

impl Witness {
    /// Reads what was seen, in the data directory. An unreadable file is no testimony.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(data)?;
        let dir = Dir::open_ambient_dir(data, ambient_authority())?;
        let seen = files::read(&dir, FILE, MOST)?.and_then(|bytes| {
            let read = serde_json::from_slice(&bytes);
            read.inspect_err(|error| tracing::warn!(%error, file = FILE, "cannot be read")).ok()
        });
        Ok(Self { dir, seen: Mutex::new(seen), moved: AtomicBool::new(true) })
    }

    /// What was seen last.
    pub(crate) fn seen(&self) -> Option<Testimony> {
        self.seen.lock().clone()
    }

    /// Notes that something happened that must not be forgotten: indices were taken, a status changed.
    pub(crate) fn note(&self) {
        self.moved.store(true, Ordering::Relaxed);
    }

    /// Whether something happened since this was asked last.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved.swap(false, Ordering::Relaxed)
    }

    /// Compares the database with what was seen, begins a new epoch if it went back, and raises its mark. Where it is
    /// then, and whether that is in another epoch than what was seen: what was published is then to be looked at, and
    /// the witness told with [`keep`](Self::keep).
    pub(crate) async fn compare(
        &self,
        store: &Store,
        random: &dyn Random,
    ) -> Result<(History, bool), StoreError> {
        let seen = self.seen();
        let mut tx = store.platform(By::Job("compare histories")).await?;
        let (deployment, here) = (tx.deployment().await?, tx.history().await?);
        let moved = deployment.is_some_and(|deployment| deployment.restored);
        let behind = seen.as_ref().is_some_and(|seen| seen.is_ahead_of(&here));
        if moved || behind {
            tracing::warn!(
                behind,
                "the database was restored or promoted: open offers end, and new status lists are begun"
            );
            tx.begin_restore_epoch(uuid::Builder::from_random_bytes(random_bytes(random)).into_uuid())
                .await?;
        }
        let known = seen.as_ref().filter(|seen| seen.deployment == here.deployment);
        let here = tx.raise_mark(known.map_or(0, |seen| seen.mark)).await?;
        tx.commit().await?;
        Ok((here, seen.is_none_or(|seen| seen.epoch != here.epoch)))
    }

    /// Keeps what is seen now; after a restore, with what could not be taken back.
    pub(crate) fn keep(&self, here: &History, left: Option<Vec<String>>) {
        let mut seen = self.seen.lock();
        let left = left.unwrap_or_else(|| seen.take().map(|seen| seen.left).unwrap_or_default());
        let now = Testimony { deployment: here.deployment, epoch: here.epoch, mark: here.mark, left };
        let written = serde_json::to_vec(&now).map_err(io::Error::from);
        if let Err(error) = written.and_then(|bytes| files::write(&self.dir, FILE, &[&bytes])) {
            tracing::warn!(%error, file = FILE, "cannot be written: a restore may pass unnoticed");
        }
        *seen = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(deployment: u128, mark: u64) -> History {
        History { deployment: Uuid::from_u128(deployment), epoch: Uuid::nil(), mark }
    }

    fn data(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("chancery-witness-{name}-{}", std::process::id()))
    }

    #[test]
    fn what_was_seen_is_seen_by_the_next_and_accuses_only_its_own_database() {
        let data = data("seen");
        let witness = Witness::open(&data).unwrap();
        assert_eq!(witness.seen(), None);
        witness.keep(&history(1, 7), Some(vec!["a list".to_owned()]));
        witness.keep(&history(1, 8), None);
        let seen = Witness::open(&data).unwrap().seen().unwrap();
        assert_eq!(seen.left, ["a list"], "until the next restore");
        for (here, accused) in
            [(history(1, 7), true), (history(1, 8), false), (history(1, 9), false), (history(2, 1), false)]
        {
            assert_eq!(seen.is_ahead_of(&here), accused, "{here:?}");
        }
        std::fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_damaged_file_is_no_testimony() {
        let data = data("damaged");
        std::fs::create_dir_all(&data).unwrap();
        for damaged in ["", "{", "{\"mark\":-1}"] {
            std::fs::write(data.join(FILE), damaged).unwrap();
            assert_eq!(Witness::open(&data).unwrap().seen(), None, "{damaged}");
        }
        std::fs::remove_dir_all(data).unwrap();
    }
}
