//! One tenant's haste is not the others' wait: each has a share of the requests that a process answers.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use chancery_domain::TenantId;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// Who calls. Each has a share of its own, so that a flood of one kind keeps no other away from the same tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Audience {
    Managers,
    Wallets,
    Verifiers,
}

/// Where a client is, if that is known and not merely where its proxy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// How many requests of each tenant are answered. What is remembered of those who asked is gone when they have
/// been quiet for as long as it takes their share to be whole again.
pub(crate) struct Limits {
    clock: DefaultClock,
    shares: Option<Shares>,
    held: Semaphore,
}

struct Shares {
    tenants: DefaultKeyedRateLimiter<(TenantId, Audience)>,
    /// No one client uses up what a tenant has.
    clients: DefaultKeyedRateLimiter<(TenantId, Audience, IpAddr)>,
}

/// How long a refusal is held back: whoever waits for it sends nothing meanwhile, and refusing costs time too.
const HELD_FOR: Duration = Duration::from_millis(250);
/// How many refusals are held back at a time; others leave at once.
const MOST_HELD: usize = 1_000;
const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
/// The part of a tenant's share that one client may take.
const CLIENTS_PART: u32 = 4;

impl Limits {
    /// So many requests a second of each audience, and twice as many at once; none: as many as come.
    pub(crate) fn new(per_second: Option<NonZeroU32>) -> Self {
        let quota = |rate: NonZeroU32| Quota::per_second(rate).allow_burst(rate.saturating_mul(TWO));
        let part = |rate: NonZeroU32| NonZeroU32::new(rate.get() / CLIENTS_PART).unwrap_or(NonZeroU32::MIN);
        let shares = per_second.map(|rate| Shares {
            tenants: RateLimiter::keyed(quota(rate)),
            clients: RateLimiter::keyed(quota(part(rate))),
        });
        Self { clock: DefaultClock::default(), shares, held: Semaphore::new(MOST_HELD) }
    }

    /// Counts a request; says how long to wait if it is one too many.
    pub(crate) fn admit(
        &self,
        tenant: TenantId,
        audience: Audience,
        client: Option<ClientAddress>,
    ) -> Result<(), Duration> {
        let Some(Shares { tenants, clients }) = &self.shares else { return Ok(()) };
        if let Some(ClientAddress(address)) = client {
            let who = (tenant, audience, household(address));
            clients.check_key(&who).map_err(|early| early.wait_time_from(self.clock.now()))?;
        }
        tenants.check_key(&(tenant, audience)).map_err(|early| early.wait_time_from(self.clock.now()))
    }

    /// Lets a moment pass before a refusal.
    pub(crate) async fn hold_back(&self) {
        if let Ok(_held) = self.held.try_acquire() {
            sleep(HELD_FOR).await;
        }
    }

    /// Forgets those who have been quiet.
    pub(crate) fn forget_the_quiet(&self) {
        if let Some(Shares { tenants, clients }) = &self.shares {
            tenants.retain_recent();
            clients.retain_recent();
            clients.shrink_to_fit();
        }
    }
}

/// Whoever has one IPv6 address has the 2⁶⁴ beside it.
fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALLETS: Audience = Audience::Wallets;

    fn tenant(number: u8) -> TenantId {
        TenantId::new(time::OffsetDateTime::UNIX_EPOCH, [number; 10])
    }

    fn client(address: &str) -> ClientAddress {
        ClientAddress(address.parse().unwrap())
    }

    #[test]
    fn a_tenant_that_asks_too_much_waits_and_no_other_does() {
        let limits = Limits::new(NonZeroU32::new(5));
        for _ in 0..10 {
            assert!(limits.admit(tenant(1), WALLETS, None).is_ok());
        }
        let wait = limits.admit(tenant(1), WALLETS, None).unwrap_err();
        assert!(wait <= Duration::from_millis(200), "{wait:?}");
        assert!(limits.admit(tenant(1), Audience::Managers, None).is_ok());
        assert!(limits.admit(tenant(2), WALLETS, None).is_ok());
    }

    #[test]
    fn one_client_takes_no_more_than_a_part_of_what_the_tenant_has() {
        let limits = Limits::new(NonZeroU32::new(8));
        for address in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:3", "2001:db8::4"] {
            assert!(limits.admit(tenant(1), WALLETS, Some(client(address))).is_ok());
        }
        assert!(limits.admit(tenant(1), WALLETS, Some(client("2001:db8::5"))).is_err(), "one household");
        assert!(limits.admit(tenant(1), WALLETS, Some(client("192.0.2.1"))).is_ok());
        assert!(limits.admit(tenant(2), WALLETS, Some(client("2001:db8::5"))).is_ok());
    }

    #[test]
    fn nobody_is_remembered_for_long() {
        let limits = Limits::new(NonZeroU32::new(1_000));
        for number in 0..100 {
            assert!(limits.admit(tenant(number), WALLETS, Some(client("192.0.2.1"))).is_ok());
        }
        std::thread::sleep(Duration::from_millis(20));
        limits.forget_the_quiet();
        let shares = limits.shares.unwrap();
        assert_eq!((shares.tenants.len(), shares.clients.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_held_back_as_long_as_they_are_not_too_many() {
        let limits = Limits::new(None);
        let began = tokio::time::Instant::now();
        limits.hold_back().await;
        assert_eq!(began.elapsed(), HELD_FOR);
        let _all = limits.held.acquire_many(MOST_HELD.try_into().unwrap()).await.unwrap();
        limits.hold_back().await;
        assert_eq!(began.elapsed(), HELD_FOR);
    }

    #[test]
    fn without_a_limit_everybody_is_admitted() {
        let limits = Limits::new(None);
        assert!((0..10_000).all(|_| limits.admit(tenant(1), WALLETS, Some(client("192.0.2.1"))).is_ok()));
    }
}
