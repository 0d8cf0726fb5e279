//! A request that is dropped at any instant takes nobody else's transaction with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use chancery_domain::TenantId;
use chancery_store::{PoolSize, Seen, Store};

use crate::database::{Database, one};
use crate::support::*;

/// How many transactions, over all tasks.
const TRANSACTIONS: u32 = 10_000;
const TASKS: u32 = 8;

/// A generator that is good enough for instants.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Uses a value up; whoever gets an answer was told the truth.
async fn write(store: &Store, tenant: TenantId, hash: [u8; 32]) -> bool {
    let mut tx = store.tenant(tenant).await.unwrap();
    let fresh = tx.remember(Seen::Nonce, &hash, NOW).await.unwrap();
    assert!(fresh, "nobody else writes this value");
    tx.commit().await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_dropped_transactions_leave_nothing_open_and_lose_nothing() {
    let database = Database::fresh().await;
    let store = Store::open(&database.urls, PoolSize { tenant: 6, share: 6, platform: 1 }).await.unwrap();
    let tenants = [issuer(&store, "one").await, issuer(&store, "two").await];

    let dropped = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (store, dropped) = (store.clone(), Arc::clone(&dropped));
            tokio::spawn(async move {
                let mut dice = Dice(u64::from(task) + 77);
                let mut acknowledged = Vec::new();
                for turn in 0..TRANSACTIONS / TASKS {
                    let tenant = tenants[(turn % 2) as usize];
                    let hash = digest();
                    // Every other one runs undisturbed, on a connection that somebody else may have spoilt.
                    // A transaction on a kept connection waits about three times, fewer on a busy machine;
                    // one that connects first waits longer.
                    let polls = match dice.below(4) {
                        0 | 1 => u64::MAX,
                        2 => dice.below(3),
                        _ => dice.below(10),
                    };
                    let pause = Duration::from_micros(dice.below(1_500));
                    match dropped_after(polls, pause, write(&store, tenant, hash)).await {
                        Some(true) => acknowledged.push((tenant, hash)),
                        Some(false) => {}
                        None => {
                            dropped.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
                acknowledged
            })
        })
        .collect();
    let mut acknowledged = Vec::new();
    for task in tasks {
        acknowledged.extend(task.await.unwrap());
    }
    let dropped = dropped.load(Ordering::Relaxed);
    assert!(dropped > TRANSACTIONS / 20, "only {dropped} were dropped");
    assert!(acknowledged.len() > TRANSACTIONS as usize / 10, "only {} went through", acknowledged.len());

    // PostgreSQL notices a closed socket when it next looks at it.
    let mut admin = database.admin().await;
    let patience = Instant::now();
    loop {
        let open: i64 = one(
            &mut admin,
            "select count(*) from pg_stat_activity
             where datname = current_database() and usename = 'chancery_tenant' and state <> 'idle'",
        )
        .await;
        if open == 0 {
            break;
        }
        assert!(patience.elapsed() < Duration::from_secs(5), "{open} transactions are still open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // What was acknowledged is there, as the tenant itself sees it; and the pool serves on.
    for chunk in acknowledged.chunks(500) {
        let mut found = store.tenant(tenants[0]).await.unwrap();
        let mut other = store.tenant(tenants[1]).await.unwrap();
        for (tenant, hash) in chunk {
            let tx = if *tenant == tenants[0] { &mut found } else { &mut other };
            assert!(!tx.remember(Seen::Nonce, hash, NOW).await.unwrap(), "an acknowledged write is lost");
        }
        found.rollback().await.unwrap();
        other.rollback().await.unwrap();
    }
}

/// Drives the future until it waits for the `polls`-th time, leaves it unread for a while, in which PostgreSQL
/// may answer or not, and drops it where it stands.
async fn dropped_after<F: Future>(polls: u64, pause: Duration, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    let output = std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await;
    if output.is_none() {
        tokio::time::sleep(pause).await;
    }
    output
}

#[tokio::test]
async fn a_statement_that_was_dropped_forbids_the_commit() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut tx = store.tenant(tenant).await.unwrap();
    let hash = digest();
    // Somebody else is about to use the value up, so PostgreSQL does not answer yet.
    let mut first = store.tenant(tenant).await.unwrap();
    assert!(first.remember(Seen::Nonce, &hash, NOW).await.unwrap());
    let outcome = dropped_after(0, Duration::ZERO, tx.remember(Seen::Nonce, &hash, NOW)).await;
    assert!(outcome.is_none(), "it waits for PostgreSQL");
    assert!(matches!(tx.commit().await, Err(chancery_store::StoreError::Aborted)));
    first.rollback().await.unwrap();
}
