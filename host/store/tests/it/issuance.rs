//! Record first, sign second.

use chancery_domain::template::Revision;
use chancery_domain::tenant::TenantStatus;
use chancery_domain::{OfferState, StatusEntry, TenantId};
use chancery_store::{
    By, Intent, IntentRefused, KeyState, NewCopy, NewOffer, NotificationEvent, PinnedItem, Store, UsedOnce,
};
use time::Duration;
use time::macros::datetime;

use crate::database::{Database, one};
use crate::support::*;

async fn record(store: &Store, tenant: TenantId, intent: &Intent) -> Result<usize, IntentRefused> {
    let tx = store.tenant(tenant).await.unwrap();
    tx.record_issuance(intent).await.unwrap().map(|tokens| tokens.len())
}

fn used_once() -> UsedOnce {
    UsedOnce { hash: digest(), expires_at: NOW + Duration::minutes(5) }
}

/// Two badges of different kinds, redeemed.
async fn redeemed_pair(store: &Store, tenant: TenantId) -> NewOffer {
    let mut offer = new_offer();
    offer.items.push(PinnedItem { configuration_id: "second".to_owned(), revision: REVISION });
    create(store, tenant, &offer).await;
    redeem(store, tenant, &offer).await;
    offer
}

fn second(offer: &NewOffer) -> Intent {
    Intent { configuration_id: "second".to_owned(), ..intent(offer) }
}

#[tokio::test]
async fn an_intent_becomes_one_token_for_every_copy() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = redeemed(&store, tenant).await;
    let mut intent = intent(&offer);
    let credential = crate::support::intent(&offer).copies[0].credential;
    intent.copies.push(NewCopy { credential, status: StatusEntry { list: 0, index: 900_000 } });

    let tx = store.tenant(tenant).await.unwrap();
    let tokens = tx.record_issuance(&intent).await.unwrap().unwrap();

    let promised: Vec<_> = intent.copies.iter().map(|copy| (copy.credential, copy.status)).collect();
    let given: Vec<_> = tokens.iter().map(|token| (token.credential(), token.status())).collect();
    assert_eq!(given, promised);
    let mut tx = store.tenant(tenant).await.unwrap();
    let credential = tx.credential(intent.copies[1].credential).await.unwrap().unwrap();
    assert_eq!((credential.offer, credential.issuance), (offer.id, intent.issuance));
    assert_eq!((credential.status_entry.index, credential.handed_out), (900_000, false));
    let offer = tx.offer(offer.id).await.unwrap().unwrap();
    assert_eq!((offer.state, offer.items[0].issuance), (OfferState::Issued, Some(intent.issuance)));
    tx.mark_issued(&[intent.issuance]).await.unwrap();
    assert!(tx.credential(intent.copies[0].credential).await.unwrap().unwrap().handed_out);
}

#[tokio::test]
async fn the_record_keeps_hours_and_no_finer_time() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let intent = issued(&store, tenant).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    let credential = tx.credential(intent.copies[0].credential).await.unwrap().unwrap();
    assert_eq!(credential.issued_hour, datetime!(2026-11-21 10:00 UTC));
    assert_eq!(credential.expired_by, datetime!(2027-02-19 11:00 UTC));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_issued_once_whoever_comes_at_the_same_time() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    for _ in 0..5 {
        let offer = redeemed(&store, tenant).await;
        let racing: Vec<_> = (0..10)
            .map(|_| {
                let (store, intent) = (store.clone(), intent(&offer));
                tokio::spawn(async move { record(&store, tenant, &intent).await })
            })
            .collect();
        let mut issued = 0;
        for attempt in racing {
            match attempt.await.unwrap() {
                Ok(_) => issued += 1,
                Err(refused) => assert_eq!(refused, IntentRefused::AlreadyIssued),
            }
        }
        assert_eq!(issued, 1);
    }
    let mut admin = database.admin().await;
    let (issuances, credentials): (i64, i64) = (
        one(&mut admin, "select count(*) from issuances").await,
        one(&mut admin, "select count(*) from credentials").await,
    );
    assert_eq!((issuances, credentials), (5, 5), "what was refused left nothing behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_serves_one_issuance_whoever_comes_at_the_same_time() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let nonces = [used_once(), used_once(), used_once()];
    let mut racing = Vec::new();
    for turn in 0..12 {
        let mut intent = intent(&redeemed(&store, tenant).await);
        intent.nonces = nonces.to_vec();
        // In every order, which must not deadlock.
        intent.nonces.rotate_left(turn % 3);
        let store = store.clone();
        racing.push(async move { record(&store, tenant, &intent).await });
    }
    let racing: Vec<_> = racing.into_iter().map(tokio::spawn).collect();
    let mut issued = 0;
    for attempt in racing {
        match attempt.await.unwrap() {
            Ok(_) => issued += 1,
            Err(refused) => assert_eq!(refused, IntentRefused::NonceUsed),
        }
    }
    assert_eq!(issued, 1);
}

#[tokio::test]
async fn a_dpop_proof_serves_one_issuance() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let proof = used_once();
    let first = Intent { dpop_proof: Some(proof), ..intent(&redeemed(&store, tenant).await) };
    let second = Intent { dpop_proof: Some(proof), ..intent(&redeemed(&store, tenant).await) };
    assert_eq!(record(&store, tenant, &first).await, Ok(1));
    assert_eq!(record(&store, tenant, &second).await, Err(IntentRefused::ProofReplayed));
    // The same value as a nonce is another thing.
    let nonces = vec![proof];
    assert_eq!(record(&store, tenant, &Intent { dpop_proof: None, nonces, ..second }).await, Ok(1));
}

#[tokio::test]
async fn what_is_refused_uses_nothing_up() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = redeemed(&store, tenant).await;
    let nonces = vec![used_once()];
    let wrong =
        Intent { configuration_id: "unheard-of".to_owned(), nonces: nonces.clone(), ..intent(&offer) };
    assert_eq!(record(&store, tenant, &wrong).await, Err(IntentRefused::NotOffered));
    assert_eq!(record(&store, tenant, &Intent { nonces, ..intent(&offer) }).await, Ok(1));
}

#[tokio::test]
async fn only_a_redeemed_offer_is_issued() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let not = |state| Err(IntentRefused::OfferNotIssuable(state));

    let waiting = new_offer();
    create(&store, tenant, &waiting).await;
    assert_eq!(record(&store, tenant, &intent(&waiting)).await, not(OfferState::Created));

    let withdrawn = redeemed(&store, tenant).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.cancel_offer(withdrawn.id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(record(&store, tenant, &intent(&withdrawn)).await, not(OfferState::Cancelled));

    let late = redeemed(&store, tenant).await;
    let now = late.expires_at + chancery_store::ISSUE_WITHIN;
    assert_eq!(record(&store, tenant, &Intent { now, ..intent(&late) }).await, not(OfferState::Expired));

    assert_eq!(record(&store, tenant, &intent(&new_offer())).await, Err(IntentRefused::NotOffered));
    let nothing = Intent { copies: Vec::new(), ..intent(&waiting) };
    assert_eq!(record(&store, tenant, &nothing).await, not(OfferState::Created));
}

#[tokio::test]
async fn another_revision_than_the_pinned_one_is_not_offered() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = redeemed(&store, tenant).await;
    let revision = Revision { configuration: [1; 32], ..REVISION };
    let other = Intent { revision, ..intent(&offer) };
    assert_eq!(record(&store, tenant, &other).await, Err(IntentRefused::NotOffered));
}

#[tokio::test]
async fn a_stale_cache_cannot_issue() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let intent = intent(&redeemed(&store, tenant).await);
    let halt = async |quarantined, status| {
        let mut platform = store.platform(By::Operator).await.unwrap();
        platform.quarantine(&COMPONENT, quarantined).await.unwrap();
        platform.commit().await.unwrap();
        set_status(&store, tenant, status).await;
    };
    let supersede = async |version| {
        let mut tx = store.tenant(tenant).await.unwrap();
        tx.supersede_signing_keys("credential", version, NOW, NOW).await.unwrap();
        tx.commit().await.unwrap();
    };

    halt(true, TenantStatus::Active).await;
    assert_eq!(record(&store, tenant, &intent).await, Err(IntentRefused::PluginHalted));
    halt(false, TenantStatus::Suspended).await;
    assert_eq!(record(&store, tenant, &intent).await, Err(IntentRefused::TenantNotActive));
    halt(false, TenantStatus::Active).await;

    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.add_signing_key(&key(2, KeyState::Next)).await.unwrap());
    tx.commit().await.unwrap();
    supersede(2).await;
    assert_eq!(record(&store, tenant, &intent).await, Err(IntentRefused::KeyNotActive));
    let mut renewed = intent.clone();
    renewed.key.version = 2;
    assert_eq!(record(&store, tenant, &renewed).await, Ok(1));
}

#[tokio::test]
async fn an_index_is_never_given_twice() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let first = issued(&store, tenant).await;
    let mut again = intent(&redeemed(&store, tenant).await);
    again.copies[0].status = first.copies[0].status;
    let tx = store.tenant(tenant).await.unwrap();
    let error = tx.record_issuance(&again).await.unwrap_err();
    assert!(error.is_conflict_on("credentials_index_key"), "{error:?}");
}

#[tokio::test]
async fn the_subject_is_erased_with_the_last_item() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = redeemed_pair(&store, tenant).await;
    let mut admin = database.admin().await;
    let mut subjects = async || one::<i64>(&mut admin, "select count(*) from offer_subjects").await;

    assert_eq!(record(&store, tenant, &intent(&offer)).await, Ok(1));
    assert_eq!(subjects().await, 1);
    assert_eq!(record(&store, tenant, &intent(&offer)).await, Err(IntentRefused::AlreadyIssued));
    assert_eq!(record(&store, tenant, &second(&offer)).await, Ok(1));
    assert_eq!(subjects().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_items_issued_at_the_same_time_leave_no_subject_behind() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    for _ in 0..20 {
        let offer = redeemed_pair(&store, tenant).await;
        let racing = [intent(&offer), second(&offer)].map(|intent| {
            let store = store.clone();
            tokio::spawn(async move { record(&store, tenant, &intent).await })
        });
        for attempt in racing {
            assert_eq!(attempt.await.unwrap(), Ok(1));
        }
    }
    let subjects: i64 = one(&mut database.admin().await, "select count(*) from offer_subjects").await;
    assert_eq!(subjects, 0);
}

#[tokio::test]
async fn an_offer_follows_what_the_wallet_says_once_nothing_of_it_is_left() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let pair = redeemed_pair(&store, tenant).await;
    let (one, two) = (intent(&pair), second(&pair));
    let state_after = async |issuance, event| {
        let mut tx = store.tenant(tenant).await.unwrap();
        assert!(tx.notify(issuance, pair.id, event).await.unwrap().is_some());
        let state = tx.offer(pair.id).await.unwrap().unwrap().state;
        tx.commit().await.unwrap();
        state
    };
    record(&store, tenant, &one).await.unwrap();
    assert_eq!(state_after(one.issuance, NotificationEvent::Accepted).await, OfferState::Issued);
    record(&store, tenant, &two).await.unwrap();
    assert_eq!(state_after(two.issuance, NotificationEvent::Deleted).await, OfferState::Issued);
    assert_eq!(state_after(two.issuance, NotificationEvent::Accepted).await, OfferState::Accepted);
    assert_eq!(state_after(two.issuance, NotificationEvent::Accepted).await, OfferState::Accepted);

    let other = issued(&store, tenant).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.notify(other.issuance, pair.id, NotificationEvent::Accepted).await.unwrap().is_none());
    assert!(tx.notify(other.issuance, other.offer, NotificationEvent::Failure).await.unwrap().is_some());
    assert_eq!(tx.offer(other.offer).await.unwrap().unwrap().state, OfferState::Failed);
}
