//! API keys that were good a moment ago, which spares looking them up.

use chancery_domain::TenantId;
use moka::sync::Cache;
use time::{Duration, OffsetDateTime};

use super::manager::Known;

/// How long a key is presumed to be good.
const PRESUMED_FOR: Duration = Duration::seconds(10);

/// How many keys are remembered.
const MOST: u64 = 100_000;

/// Keys that were good a moment ago, by hash, and since when.
pub(crate) struct KnownKeys(Cache<KeyName, (Known, OffsetDateTime)>);

impl Default for KnownKeys {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(PRESUMED_FOR.unsigned_abs()).build())
    }
}

/// A key opens one tenant's door, so it is known under that tenant.
pub(super) type KeyName = (TenantId, [u8; 32]);

impl KnownKeys {
    pub(super) fn recall(&self, name: &KeyName, now: OffsetDateTime) -> Option<Known> {
        self.0.get(name).filter(|(_, since)| is_fresh(*since, now)).map(|(key, _)| key)
    }

    pub(super) fn remember(&self, name: KeyName, key: Known, now: OffsetDateTime) {
        self.0.insert(name, (key, now));
    }

    pub(super) fn forget(&self, name: &KeyName) {
        self.0.invalidate(name);
    }
}

/// A clock that was set back makes nothing fresh.
fn is_fresh(since: OffsetDateTime, now: OffsetDateTime) -> bool {
    (Duration::ZERO..PRESUMED_FOR).contains(&(now - since))
}

#[cfg(test)]
mod tests {
    use chancery_domain::ApiKeyId;
    use chancery_domain::scope::Scope;
    use chancery_store::Principal;

    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 10:20:30 UTC);

    fn name(number: u8) -> KeyName {
        (TenantId::new(NOW, [9; 10]), [number; 32])
    }

    fn key(number: u8) -> Known {
        let principal = Principal::ApiKey(ApiKeyId::new(NOW, [number; 10]));
        Known { principal, scopes: vec![Scope::Offer], configuration_ids: None }
    }

    fn known() -> KnownKeys {
        let keys = KnownKeys::default();
        keys.remember(name(1), key(1), NOW);
        keys
    }

    #[test]
    fn a_key_is_presumed_good_for_ten_seconds() {
        let keys = known();
        assert!(keys.recall(&name(1), NOW + Duration::milliseconds(9_999)).is_some());
        assert!(keys.recall(&name(1), NOW + Duration::seconds(10)).is_none());
        assert!(keys.recall(&name(1), NOW - Duration::seconds(1)).is_none());
        assert!(keys.recall(&name(2), NOW).is_none());
    }

    #[test]
    fn a_key_that_was_refused_is_looked_up_again() {
        let keys = known();
        keys.forget(&name(1));
        assert!(keys.recall(&name(1), NOW).is_none());
    }
}
