//! However much one tenant asks for, the others find connections.

use std::time::{Duration, Instant};

use chancery_store::{PoolSize, Store, StoreError};

use crate::database::Database;
use crate::support::*;

#[tokio::test]
async fn a_tenant_that_takes_all_it_can_leaves_the_others_theirs() {
    let database = Database::fresh().await;
    let store = Store::open(&database.urls, PoolSize { tenant: 4, share: 2, platform: 1 }).await.unwrap();
    let (greedy, modest) = (issuer(&store, "greedy").await, issuer(&store, "modest").await);
    let (one, two) = (store.tenant(greedy).await.unwrap(), store.tenant(greedy).await.unwrap());
    let crowd: Vec<_> = (0..50)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.tenant(greedy).await })
        })
        .collect();
    tokio::task::yield_now().await;

    let asked = Instant::now();
    store.tenant(modest).await.unwrap().commit().await.unwrap();
    assert!(store.directory().tenant_by_slug("modest").await.unwrap().is_some());
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());

    for one in crowd {
        assert!(matches!(one.await.unwrap(), Err(StoreError::Crowded)));
    }
    drop((one, two));
    store.tenant(greedy).await.unwrap().commit().await.unwrap();
}
