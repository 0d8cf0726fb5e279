//! Status indices are taken from leased blocks, so that no row is written by
//! every issuance, and mapped by a keyed permutation, so that nobody can tell
//! neighbours apart.

use std::collections::HashMap;

use chancery_domain::{Random, StatusEntry, TenantId, random_bytes};
use chancery_store::{Lease, StoreError};
use parking_lot::Mutex;

use crate::app::App;
use crate::issuer::Issuer;

/// How many indices a process leases at once. What it does not use before it stops is never used.
const BLOCK: u32 = 256;

/// The blocks that this process holds.
#[derive(Default)]
pub(crate) struct StatusIndices(Mutex<HashMap<Holder, Lease>>);

/// A block is of one tenant and of one permutation: under other keys it is nobody's.
type Holder = (TenantId, [u8; 32]);

impl StatusIndices {
    /// `count` fresh entries, all of one list.
    pub(crate) async fn take(
        &self,
        app: &App,
        issuer: &Issuer,
        count: usize,
    ) -> Result<Vec<StatusEntry>, StoreError> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let holder = (issuer.tenant(), issuer.permutation_tag);
        let lease = loop {
            if let Some(lease) = self.cut(holder, count) {
                break lease;
            }
            // The last block of a list may be too short for a batch: then the next one is of a fresh list.
            let mut tx = app.tenant(issuer).await?;
            let fresh = fresh_number(app.random.as_ref());
            let block = tx.lease_status_indices(BLOCK.max(count), fresh).await?;
            tx.commit().await?;
            app.witness.note();
            self.keep(holder, block);
        };
        let permutation = issuer.keys.permutation(lease.list, lease.size);
        let counters = lease.first..lease.first + lease.count;
        let entry = |counter| Some(StatusEntry { list: lease.list, index: permutation.index(counter)? });
        counters
            .map(|counter| {
                entry(counter).ok_or_else(|| StoreError::Corrupt { table: "status_lists", column: "next" })
            })
            .collect()
    }

    /// What this process holds is nobody's any more: the database was put back to before it was taken.
    pub(crate) fn forget_all(&self) {
        self.0.lock().clear();
    }

    fn cut(&self, holder: Holder, count: u32) -> Option<Lease> {
        let mut blocks = self.0.lock();
        let block = blocks.get_mut(&holder)?;
        (block.count >= count).then(|| split(block, count))
    }

    /// Keeps the newer list's block, or the larger of two; the rest of the other is never used.
    fn keep(&self, holder: Holder, block: Lease) {
        let mut blocks = self.0.lock();
        let kept = blocks.entry(holder).or_insert(block);
        if (kept.opened, kept.count) < (block.opened, block.count) {
            *kept = block;
        }
    }
}

/// The number of a list that is opened now. A database that was put back in time, and with it every counter, does
/// not come to it again. Numbers of before they were drawn are below these, and no JSON parser rounds these.
fn fresh_number(random: &dyn Random) -> u64 {
    loop {
        let number = u64::from_be_bytes(random_bytes(random)) >> 11;
        if u32::try_from(number).is_err() {
            return number;
        }
    }
}

/// Cuts the first `count` indices off a block that has at least as many.
fn split(block: &mut Lease, count: u32) -> Lease {
    let count = count.min(block.count);
    let cut = Lease { count, ..*block };
    block.first += count;
    block.count -= count;
    cut
}
