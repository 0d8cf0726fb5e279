//! What goes from the directory of compiled plugins: what nobody needs any more, and the oldest when there is too much.

use std::time::Duration;

use cap_std::{fs::DirEntry, time::SystemTime};

use super::Cache;

/// Bytes of all files.
const MOST: u64 = 4 << 30;
/// What another compiler made is kept for so long: a replica of another version may share the directory, and somebody
/// may go back to it.
const OF_ANOTHER: Duration = Duration::from_hours(7 * 24);
/// Nobody writes a file for so long.
const HALF_WRITTEN: Duration = Duration::from_hours(1);

struct Found {
    name: String,
    bytes: u64,
    age: Duration,
}

impl Cache {
    /// Makes room for that many bytes more, and takes away what nobody needs. What is gone is compiled again when it is
    /// asked for.
    pub(super) fn tidy(&self, room: u64) {
        let Ok(entries) = self.dir.entries() else { return };
        #[expect(clippy::disallowed_methods, reason = "how old files are is by the clock that dated them")]
        let now = SystemTime::from_std(std::time::SystemTime::now());
        let mut found: Vec<Found> =
            entries.filter_map(|entry| found(&entry.ok()?, now)).filter(|file| !self.is_over(file)).collect();
        let mut bytes = found.iter().map(|file| file.bytes).sum::<u64>().saturating_add(room);
        found.sort_by_key(|file| file.age);
        while bytes > MOST {
            let Some(oldest) = found.pop() else { return };
            tracing::info!(
                file = oldest.name,
                "there is no room for a compiled plugin; it is compiled again when asked for"
            );
            let _ = self.dir.remove_file(&oldest.name);
            bytes -= oldest.bytes;
        }
    }

    /// Whether nobody needs the file any more; then it is gone.
    fn is_over(&self, file: &Found) -> bool {
        let own = format!("-{}.compiled", self.compiler());
        let over = match file.name.split_once(".compiled") {
            Some((_, "")) => !file.name.ends_with(&own) && file.age > OF_ANOTHER,
            // The end is the process that was writing it.
            Some(_) => file.age > HALF_WRITTEN,
            None => false,
        };
        over && self.dir.remove_file(&file.name).is_ok()
    }

    /// Removes what any compiler made of that component.
    pub(super) fn remove_all_of(&self, digest: &[u8; 32]) {
        let begins = hex::encode(digest);
        let Ok(entries) = self.dir.entries() else { return };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(&begins)) {
                let _ = entry.remove_file();
            }
        }
    }
}

fn found(entry: &DirEntry, now: SystemTime) -> Option<Found> {
    let metadata = entry.metadata().ok()?;
    let age = now.duration_since(metadata.modified().ok()?).unwrap_or_default();
    Some(Found { name: entry.file_name().into_string().ok()?, bytes: metadata.len(), age })
}
