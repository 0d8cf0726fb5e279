//! Status lists: leases never overlap, revocation is for ever.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use chancery_domain::credential::RevokedForEver;
use chancery_domain::{CredentialStatus, StatusChange, TenantId};
use chancery_store::{
    By, CredentialFilter, Lease, Page, PublishedStatuses, Recovered, STATUS_LIST_SIZE, StatusListRow, Store,
};

use crate::database::{Database, run};
use crate::support::*;

async fn lease(store: &Store, tenant: TenantId, count: u32) -> Lease {
    lease_or_open(store, tenant, count, drawn()).await
}

/// The number of a list, as if it were drawn: no other test has it.
fn drawn() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 40);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn lease_or_open(store: &Store, tenant: TenantId, count: u32, fresh: u64) -> Lease {
    let mut tx = store.tenant(tenant).await.unwrap();
    let lease = tx.lease_status_indices(count, fresh).await.unwrap();
    tx.commit().await.unwrap();
    lease
}

fn counters(lease: &Lease) -> impl Iterator<Item = (u32, u32)> {
    let list = lease.opened;
    (lease.first..lease.first + lease.count).map(move |counter| (list, counter))
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_never_overlap_across_servers_restarts_and_list_ends() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut given = HashSet::new();
    for restart in 0..3 {
        let servers = [database.store().await, database.store().await];
        let racing: Vec<_> = (0..40)
            .map(|turn| {
                let store = servers[turn % 2].clone();
                tokio::spawn(async move { lease(&store, tenant, 7).await })
            })
            .collect();
        for leased in racing {
            let leased = leased.await.unwrap();
            assert!((1..=7).contains(&leased.count));
            for counter in counters(&leased) {
                assert!(given.insert(counter), "{counter:?} was given twice");
            }
        }
        // The next round runs over the end of the list.
        let end = STATUS_LIST_SIZE - 20;
        run(
            &mut database.admin().await,
            &format!("update status_lists set next = {end} where opened = (select max(opened) from status_lists) and next < {end}"),
        )
        .await;
        assert!(restart > 0 || given.iter().all(|(list, _)| *list == 0));
    }
    let lists: HashSet<u32> = given.iter().map(|(list, _)| *list).collect();
    assert_eq!(lists, HashSet::from([0, 1, 2]));
}

#[tokio::test]
async fn the_end_of_a_list_is_given_out_to_the_last_index() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let first = lease(&store, tenant, 5).await;
    assert_eq!((first.opened, first.first, first.count, first.size), (0, 0, 5, STATUS_LIST_SIZE));
    let rest = lease(&store, tenant, u32::MAX).await;
    assert_eq!((rest.list, rest.first, rest.count), (first.list, 5, STATUS_LIST_SIZE - 5));
    let next = lease(&store, tenant, 1).await;
    assert_eq!((next.opened, next.first, next.count), (1, 0, 1));
    assert_ne!(next.list, first.list);
}

#[tokio::test]
async fn a_restore_retires_every_list() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let before = lease(&store, tenant, 10).await;
    let mut platform = store.platform(By::Job("restore")).await.unwrap();
    platform.begin_restore_epoch(uuid::Uuid::from_u128(1)).await.unwrap();
    platform.commit().await.unwrap();
    let after = lease(&store, tenant, 10).await;
    assert_eq!((after.opened, after.first), (1, 0));
    assert_ne!(after.list, before.list);
    let more = lease(&store, tenant, 10).await;
    assert_eq!((more.list, more.first), (after.list, 10));
}

#[tokio::test]
async fn a_database_that_is_put_back_does_not_come_to_the_same_list_again() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut seen = HashSet::new();
    // The backup is from before anything was issued, and is put back twice.
    for _ in 0..3 {
        let leased = lease(&store, tenant, 10).await;
        assert_eq!((leased.opened, leased.first), (0, 0), "as far as the database knows, it is the first");
        assert!(seen.insert(leased.list), "a verifier would take it for the list of before");
        run(&mut database.admin().await, "delete from status_lists").await;
    }
}

#[tokio::test]
async fn what_was_published_is_taken_back_after_a_restore() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let _ = lease_or_open(&store, tenant, 100, 0).await;
    let (revoked, suspended) =
        (issued(&store, tenant).await.copies[0], issued(&store, tenant).await.copies[0]);
    let entry = |copy: chancery_store::NewCopy| copy.status.index;
    let statuses = [
        (entry(revoked), CredentialStatus::Revoked),
        (entry(suspended), CredentialStatus::Suspended),
        // Of credentials that were issued after the backup.
        (999_000, CredentialStatus::Suspended),
        (999_001, CredentialStatus::Revoked),
    ];
    let published = PublishedStatuses { list: 0, size: STATUS_LIST_SIZE, version: 7, statuses: &statuses };
    let mut tx = store.tenant(tenant).await.unwrap();
    let first = tx.recover_statuses(&published).await.unwrap();
    assert_eq!(first, Recovered { revoked: 1, forgotten: 2, not_suspended: 1 });
    let again = tx.recover_statuses(&published).await.unwrap();
    assert_eq!((again.revoked, again.forgotten), (0, 0), "to do it again changes nothing");
    let mut expected = vec![statuses[0], statuses[2], statuses[3]];
    expected.sort_unstable_by_key(|(index, _)| *index);
    assert_eq!(tx.statuses(0).await.unwrap(), expected);
    assert!(
        tx.status_list(0).await.unwrap().unwrap().version > 7,
        "nobody takes the old one for the current"
    );
    // What was suspended may be revoked in a list that another host kept, never the other way round.
    let worse = [(999_000, CredentialStatus::Revoked), (999_001, CredentialStatus::Suspended)];
    tx.recover_statuses(&PublishedStatuses { statuses: &worse, ..published }).await.unwrap();
    let known = tx.statuses(0).await.unwrap();
    assert!(known.ends_with(&[(999_000, CredentialStatus::Revoked), (999_001, CredentialStatus::Revoked)]));
    tx.commit().await.unwrap();

    // A list that was opened after the backup is published again, and gets no entry.
    let mut tx = store.tenant(tenant).await.unwrap();
    let unknown = PublishedStatuses { list: 1 << 50, statuses: &statuses[3..], ..published };
    assert_eq!(tx.recover_statuses(&unknown).await.unwrap().forgotten, 1);
    assert_eq!(tx.statuses(1 << 50).await.unwrap(), statuses[3..]);
    tx.commit().await.unwrap();
    assert_ne!(lease(&store, tenant, 1).await.list, 1 << 50);
}

#[tokio::test]
async fn a_mark_goes_up_and_past_what_was_seen() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let mut platform = store.platform(By::Job("restore")).await.unwrap();
    platform.found_deployment([1; 16], 0).await.unwrap();
    let before = platform.history().await.unwrap();
    assert_eq!(platform.raise_mark(0).await.unwrap().mark, before.mark + 1);
    assert_eq!(platform.raise_mark(100).await.unwrap().mark, 101);
    platform.begin_restore_epoch(uuid::Uuid::from_u128(7)).await.unwrap();
    let after = platform.history().await.unwrap();
    assert_eq!((after.deployment, after.epoch), (before.deployment, uuid::Uuid::from_u128(7)));
    platform.commit().await.unwrap();
}

#[tokio::test]
async fn a_change_shows_in_the_list_and_moves_its_version() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let _ = lease_or_open(&store, tenant, 100, 0).await;
    let (one, two) = (issued(&store, tenant).await, issued(&store, tenant).await);
    let (one, two) = (one.copies[0], two.copies[0]);

    let mut tx = store.tenant(tenant).await.unwrap();
    let list = |version| Some(StatusListRow { version, size: STATUS_LIST_SIZE });
    assert_eq!(tx.status_list(0).await.unwrap(), list(0));
    assert_eq!(tx.statuses(0).await.unwrap(), []);
    let suspended = tx.change_status(one.credential, StatusChange::Suspend).await.unwrap().unwrap().unwrap();
    assert_eq!(
        (suspended.before, suspended.status, suspended.entry),
        (CredentialStatus::Valid, CredentialStatus::Suspended, one.status)
    );
    let again = tx.change_status(one.credential, StatusChange::Suspend).await.unwrap().unwrap().unwrap();
    assert_eq!(again.before, again.status);
    tx.change_status(two.credential, StatusChange::Revoke).await.unwrap().unwrap().unwrap();
    assert_eq!(tx.status_list(0).await.unwrap(), list(2));
    let expected =
        [(one.status.index, CredentialStatus::Suspended), (two.status.index, CredentialStatus::Revoked)];
    assert_eq!(tx.statuses(0).await.unwrap(), expected);
    tx.change_status(one.credential, StatusChange::Reinstate).await.unwrap().unwrap().unwrap();
    assert_eq!(tx.statuses(0).await.unwrap(), expected[1..]);
    for number in [1, u64::MAX] {
        assert_eq!(tx.status_list(number).await.unwrap(), None);
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_revocation_is_never_taken_back() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let copy = issued(&store, tenant).await.copies[0];
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.change_status(copy.credential, StatusChange::Revoke).await.unwrap().unwrap().unwrap();
    for change in [StatusChange::Suspend, StatusChange::Reinstate] {
        assert_eq!(tx.change_status(copy.credential, change).await.unwrap(), Some(Err(RevokedForEver)));
    }
    let again = tx.change_status(copy.credential, StatusChange::Revoke).await.unwrap().unwrap().unwrap();
    assert_eq!((again.before, again.status), (CredentialStatus::Revoked, CredentialStatus::Revoked));
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_the_same_time_end_as_if_one_after_the_other() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let _ = lease_or_open(&store, tenant, 100, 0).await;
    let copy = issued(&store, tenant).await.copies[0];
    let changes = [StatusChange::Suspend, StatusChange::Revoke, StatusChange::Reinstate];
    let racing: Vec<_> = (0..30)
        .map(|turn| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tx = store.tenant(tenant).await.unwrap();
                let _ = tx.change_status(copy.credential, changes[turn % 3]).await.unwrap().unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for change in racing {
        change.await.unwrap();
    }
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.credential(copy.credential).await.unwrap().unwrap().status, CredentialStatus::Revoked);
}

#[tokio::test]
async fn credentials_are_listed_by_offer_and_by_page() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut intents = Vec::new();
    for _ in 0..3 {
        intents.insert(0, issued(&store, tenant).await);
    }
    let mut tx = store.tenant(tenant).await.unwrap();
    let page = Page { before: None, limit: 2 };
    let (newest, next) = tx.credentials(&CredentialFilter::default(), &page).await.unwrap();
    let ids: Vec<_> = newest.iter().map(|credential| credential.id).collect();
    assert_eq!(ids, [intents[0].copies[0].credential, intents[1].copies[0].credential]);
    assert_eq!(next, Some(ids[1]));
    let rest = Page { before: next, limit: 2 };
    let (oldest, next) = tx.credentials(&CredentialFilter::default(), &rest).await.unwrap();
    assert_eq!((oldest.len(), next), (1, None));
    let of_offer = CredentialFilter { offer: Some(intents[1].offer) };
    let (found, _) = tx.credentials(&of_offer, &page).await.unwrap();
    assert_eq!(found.iter().map(|credential| credential.offer).collect::<Vec<_>>(), [intents[1].offer]);
}
