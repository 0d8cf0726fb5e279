//! What is remembered of tenants, and how far it can be relied on.
//!
//! Whatever is remembered says after how many changes it was read. A change is therefore noted and nothing else:
//! what it makes outdated is recognised when it is asked for, however much is remembered.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chancery_domain::TenantId;
use moka::future::Cache;

/// How long anything is remembered even if nobody says that it changed.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// The changes that this process has heard of, counted.
pub(super) struct Changes {
    heard: AtomicU64,
    /// Up to which everything is outdated.
    everything: AtomicU64,
    /// The last of each tenant; kept for longer than anything that was read before it.
    of_tenants: moka::sync::Cache<TenantId, u64>,
}

/// Something that was read, and how many changes had been heard of before.
#[derive(Clone)]
struct Reading<V> {
    value: V,
    at: u64,
}

/// Values by key, each read when it is first asked for.
pub(super) struct Remembered<K, V>(Cache<K, Reading<V>>);

impl Changes {
    pub(super) fn new() -> Self {
        Self {
            heard: AtomicU64::new(0),
            everything: AtomicU64::new(0),
            of_tenants: moka::sync::Cache::builder().time_to_live(REMEMBERED_FOR * 2).build(),
        }
    }

    /// The tenant is not what it was; and a name that nobody had may be its.
    pub(super) fn note(&self, tenant: TenantId) {
        self.of_tenants.insert(tenant, self.heard.fetch_add(1, Ordering::SeqCst) + 1);
    }

    /// Anything may have changed.
    pub(super) fn note_all(&self) {
        self.everything.fetch_max(self.heard.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    }

    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::SeqCst)
    }

    /// Whether what was read after so many changes, and is of that tenant or of nobody, still holds.
    fn holds(&self, at: u64, of: Option<TenantId>) -> bool {
        let outdated_by = match of {
            Some(tenant) => self.of_tenants.get(&tenant).unwrap_or(0),
            None => self.heard(),
        };
        at >= outdated_by.max(self.everything.load(Ordering::SeqCst))
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Remembered<K, V> {
    pub(super) fn at_most(capacity: u64) -> Self {
        Self(Cache::builder().max_capacity(capacity).time_to_live(REMEMBERED_FOR).build())
    }

    /// What is remembered under the key, or else what `read` says, once for all who ask meanwhile. `of` tells whose
    /// it is.
    pub(super) async fn recall<E: Send + Sync + 'static, R: Future<Output = Result<V, E>>>(
        &self,
        changes: &Changes,
        key: K,
        of: impl Fn(&V) -> Option<TenantId>,
        read: impl FnOnce() -> R,
    ) -> Result<V, Arc<E>> {
        if let Some(Reading { value, at }) = self.0.get(&key).await {
            if changes.holds(at, of(&value)) {
                return Ok(value);
            }
            self.0.invalidate(&key).await;
        }
        let reading = async {
            let at = changes.heard();
            Ok(Reading { value: read().await?, at })
        };
        // Who asks while it is read is answered as of when that began, and nobody after them.
        Box::pin(self.0.try_get_with(key, reading)).await.map(|reading| reading.value)
    }

    /// Remembers what was read after so many changes.
    pub(super) async fn keep(&self, key: K, value: V, at: u64) {
        self.0.insert(key, Reading { value, at }).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    fn tenant(number: u8) -> TenantId {
        TenantId::new(time::OffsetDateTime::UNIX_EPOCH, [number; 10])
    }

    /// Names, each read so many times; what nobody has begins with `no`.
    struct Names {
        changes: Changes,
        known: Remembered<&'static str, (Option<TenantId>, u32)>,
        reads: AtomicU32,
    }

    impl Names {
        fn new() -> Self {
            Self { changes: Changes::new(), known: Remembered::at_most(100), reads: AtomicU32::new(0) }
        }

        /// How often anything was read when this was.
        async fn ask(&self, name: &'static str) -> u32 {
            let read = || async {
                let whose = (!name.starts_with("no")).then(|| tenant(name.as_bytes()[0]));
                Ok::<_, ()>((whose, self.reads.fetch_add(1, Ordering::SeqCst)))
            };
            self.known.recall(&self.changes, name, |(whose, _)| *whose, read).await.unwrap().1
        }
    }

    #[tokio::test]
    async fn a_change_outdates_the_tenant_and_the_names_of_nobody() {
        let names = Names::new();
        let before = [names.ask("acme").await, names.ask("globex").await, names.ask("nobody").await];
        names.changes.note(tenant(b'a'));
        assert_ne!(names.ask("acme").await, before[0]);
        assert_eq!(names.ask("globex").await, before[1]);
        assert_ne!(names.ask("nobody").await, before[2]);
        let after = [names.ask("acme").await, names.ask("nobody").await];
        assert_eq!(after, [names.ask("acme").await, names.ask("nobody").await], "read once");
        names.changes.note_all();
        assert_ne!(names.ask("globex").await, before[1]);
    }

    #[tokio::test]
    async fn what_changed_while_it_was_read_is_read_again() {
        let names = Names::new();
        let changed_meanwhile = || async {
            names.changes.note(tenant(b'a'));
            Ok::<_, ()>((Some(tenant(b'a')), 0))
        };
        // Whoever asked before the change may be answered as before it.
        names.known.recall(&names.changes, "acme", |(whose, _)| *whose, changed_meanwhile).await.unwrap();
        names.reads.store(7, Ordering::SeqCst);
        assert_eq!(names.ask("acme").await, 7);
    }

    #[tokio::test]
    async fn what_is_kept_as_of_before_a_change_is_outdated_by_it() {
        let names = Names::new();
        names.reads.store(7, Ordering::SeqCst);
        let at = names.changes.heard();
        names.changes.note(tenant(b'a'));
        names.known.keep("acme", (Some(tenant(b'a')), 0), at).await;
        assert_eq!(names.ask("acme").await, 7);
        names.known.keep("acme", (Some(tenant(b'a')), 8), names.changes.heard()).await;
        assert_eq!(names.ask("acme").await, 8);
    }
}
