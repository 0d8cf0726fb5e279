//! Fair shares of the connections: however many requests come for one tenant, most connections are left to the
//! others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

use crate::StoreError;

/// How long to wait for a turn among those of the same tenant.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many may wait; whoever comes then is told at once.
const MOST_WAITING: usize = 1_000;

/// How the connections of a pool are shared. A tenant is known here only as long as somebody works for it.
#[derive(Debug)]
pub(crate) struct Shares {
    /// Of how many connections a share consists.
    each: usize,
    queues: Mutex<HashMap<Uuid, Queue>>,
}

/// Those who work for one tenant, or wait to.
#[derive(Debug)]
struct Queue {
    turns: Arc<Semaphore>,
    members: usize,
}

/// A place in a tenant's queue. Leaving it makes room, wherever the wait or the work was broken off.
#[derive(Debug)]
pub(crate) struct Place {
    shares: Arc<Shares>,
    whose: Uuid,
    turn: Option<OwnedSemaphorePermit>,
}

impl Shares {
    pub(crate) fn new(each: u32) -> Arc<Self> {
        Arc::new(Self { each: each.max(1) as usize, queues: Mutex::new(HashMap::new()) })
    }

    /// Waits until the tenant uses less than its share.
    pub(crate) async fn take_turn(self: &Arc<Self>, whose: Uuid) -> Result<Place, StoreError> {
        let (mut place, turns) = self.line_up(whose).ok_or(StoreError::Crowded)?;
        let turn = timeout(PATIENCE, turns.acquire_owned()).await.map_err(|_| StoreError::Crowded)?;
        place.turn = turn.ok();
        Ok(place)
    }

    fn line_up(self: &Arc<Self>, whose: Uuid) -> Option<(Place, Arc<Semaphore>)> {
        let mut queues = self.queues.lock();
        let fresh = || Queue { turns: Arc::new(Semaphore::new(self.each)), members: 0 };
        let queue = queues.entry(whose).or_insert_with(fresh);
        if queue.members >= self.each + MOST_WAITING {
            return None;
        }
        queue.members += 1;
        Some((Place { shares: Arc::clone(self), whose, turn: None }, Arc::clone(&queue.turns)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.turn.take());
        let mut queues = self.shares.queues.lock();
        if let Some(queue) = queues.get_mut(&self.whose) {
            queue.members -= 1;
            if queue.members == 0 {
                queues.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    #[tokio::test(start_paused = true)]
    async fn a_tenant_with_its_share_waits_and_no_other_does() {
        let shares = Shares::new(2);
        let (first, _second) = (shares.take_turn(ONE).await.unwrap(), shares.take_turn(ONE).await.unwrap());
        assert!(matches!(shares.take_turn(ONE).await, Err(StoreError::Crowded)));
        shares.take_turn(OTHER).await.unwrap();
        drop(first);
        shares.take_turn(ONE).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_not_longer_than_it_may_be() {
        let shares = Shares::new(1);
        let _served = shares.take_turn(ONE).await.unwrap();
        let waiting: Vec<_> = (0..MOST_WAITING)
            .map(|_| {
                let shares = Arc::clone(&shares);
                tokio::spawn(async move { shares.take_turn(ONE).await.map(drop) })
            })
            .collect();
        while shares.queues.lock()[&ONE].members <= MOST_WAITING {
            tokio::task::yield_now().await;
        }
        let refused = tokio::time::Instant::now();
        assert!(matches!(shares.take_turn(ONE).await, Err(StoreError::Crowded)));
        assert!(refused.elapsed().is_zero(), "nobody waits to hear that");
        for one in waiting {
            assert!(matches!(one.await.unwrap(), Err(StoreError::Crowded)), "patience ends");
        }
    }

    #[tokio::test]
    async fn who_leaves_leaves_nothing_behind() {
        let shares = Shares::new(1);
        let served = shares.take_turn(ONE).await.unwrap();
        let waiting = tokio::spawn({
            let shares = Arc::clone(&shares);
            async move { shares.take_turn(ONE).await.map(drop) }
        });
        tokio::task::yield_now().await;
        waiting.abort();
        let _ = waiting.await;
        drop(served);
        assert!(shares.queues.lock().is_empty());
    }
}
