//! How many connections to the outside one tenant has at a time: one whose servers are slow keeps nobody else
//! waiting.

use std::collections::HashMap;
use std::sync::Arc;

use chancery_domain::TenantId;
use parking_lot::Mutex;

/// Places, all of them and those of each tenant.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_tenant: HashMap<TenantId, usize>,
}

/// A place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    tenant: TenantId,
}

impl Places {
    pub(super) fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_one, taken: Mutex::default() })
    }

    /// A place, if there is one. Nobody waits: who is told at once can come again later.
    pub(super) fn take(self: &Arc<Self>, tenant: TenantId) -> Option<Place> {
        let mut taken = self.taken.lock();
        if taken.all >= self.most || taken.by_tenant.get(&tenant).is_some_and(|own| *own >= self.most_of_one)
        {
            return None;
        }
        taken.all += 1;
        *taken.by_tenant.entry(tenant).or_default() += 1;
        Some(Place { places: Arc::clone(self), tenant })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all -= 1;
        if let Some(own) = taken.by_tenant.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                taken.by_tenant.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_takes_its_share_and_leaves_the_rest() {
        let tenant = |byte| TenantId::new(time::OffsetDateTime::UNIX_EPOCH, [byte; 10]);
        let places = Places::new(3, 2);
        let first = places.take(tenant(1)).unwrap();
        let second = places.take(tenant(1)).unwrap();
        assert!(places.take(tenant(1)).is_none(), "its share");
        let third = places.take(tenant(2)).unwrap();
        assert!(places.take(tenant(3)).is_none(), "all of them");
        drop((first, second, third));
        assert!(places.take(tenant(1)).is_some());
        assert!(places.taken.lock().by_tenant.is_empty(), "nothing is kept of who is gone");
    }
}
