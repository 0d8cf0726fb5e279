//! Offers that were redeemed here a moment ago. The wallet asks for its credential next, and mostly here, which
//! spares reading the offer a second time.
//!
//! Nothing is decided by what is kept: the transaction that records an issuance looks at the offer again. It
//! is sealed as it is in the database, and opens only with the secret in the wallet's access token.

use std::time::Duration;

use chancery_domain::{OfferId, TenantId};
use chancery_store::IssuableOffer;
use moka::sync::Cache;

/// How long a wallet may take, before its offer is read again.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// How many bytes of subject data are kept at most.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// Offers that were redeemed here a moment ago.
pub(crate) struct RedeemedOffers(Cache<(TenantId, OfferId), IssuableOffer>);

impl Default for RedeemedOffers {
    fn default() -> Self {
        let weight =
            |_: &_, offer: &IssuableOffer| u32::try_from(offer.sealed_subject.len()).unwrap_or(u32::MAX);
        Self(Cache::builder().weigher(weight).max_capacity(MOST_BYTES).time_to_live(KEPT_FOR).build())
    }
}

impl RedeemedOffers {
    /// Keeps the offer for its wallet.
    pub(crate) fn keep(&self, tenant: TenantId, id: OfferId, offer: IssuableOffer) {
        self.0.insert((tenant, id), offer);
    }

    /// Hands the offer out, once: whoever comes again is to hear what became of it.
    pub(crate) fn take(&self, tenant: TenantId, id: OfferId) -> Option<IssuableOffer> {
        self.0.remove(&(tenant, id))
    }
}
