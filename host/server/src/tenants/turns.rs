//! Whose turn it is to call a plugin: a plugin that uses all the time it may keeps no processor from the others.

use std::sync::Arc;
use std::time::Duration;

use chancery_domain::TenantId;
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a call may wait for those of the same tenant.
const PATIENCE: Duration = Duration::from_secs(2);
/// A queue in which nobody stood for so long is forgotten.
const QUIET_FOR: Duration = Duration::from_mins(1);
/// How many queues there may be.
const QUEUES: u64 = 100_000;

/// The queues of tenants that call plugins.
pub(crate) struct Turns {
    /// How many calls of one tenant run at a time.
    each: usize,
    queues: Cache<TenantId, Arc<Semaphore>>,
}

impl Turns {
    /// A tenant among many has half of the processors: a plugin computes and never waits, so more at a time
    /// would serve nobody. A tenant alone has all that there is.
    pub(crate) fn new(many: bool) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let each = if many { (processors / 2).max(1) } else { Semaphore::MAX_PERMITS };
        Self { each, queues: Cache::builder().max_capacity(QUEUES).time_to_idle(QUIET_FOR).build() }
    }

    /// Waits until it is the tenant's turn, which lasts as long as the permit is held. None if it takes too long.
    pub(crate) async fn take(&self, tenant: TenantId) -> Option<OwnedSemaphorePermit> {
        let queue = self.queues.get_with(tenant, || Arc::new(Semaphore::new(self.each)));
        timeout(PATIENCE, queue.acquire_owned()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_tenant_waits_for_its_own_calls_and_for_nobody_elses() {
        let turns = Turns { each: 1, queues: Cache::new(10) };
        let tenant = |number| TenantId::new(time::OffsetDateTime::UNIX_EPOCH, [number; 10]);
        let first = turns.take(tenant(1)).await.unwrap();
        assert!(turns.take(tenant(1)).await.is_none());
        assert!(turns.take(tenant(2)).await.is_some());
        drop(first);
        assert!(turns.take(tenant(1)).await.is_some());
    }
}
