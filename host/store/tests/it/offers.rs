//! Offers: fetched, redeemed once, guessed at five times, withdrawn.

use chancery_domain::{OfferId, OfferState, TenantId};
use chancery_store::{By, Cancelled, Page, PinnedItem, Redemption, Store};
use time::Duration;

use crate::database::{Database, one};
use crate::support::*;

const MAC: [u8; 32] = [0x3a; 32];

async fn state(store: &Store, tenant: TenantId, offer: OfferId) -> OfferState {
    let mut tx = store.tenant(tenant).await.unwrap();
    let offer = tx.offer(offer).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    offer.state
}

#[tokio::test]
async fn an_offer_is_read_back_as_it_was_made() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut offer = with_tx_code(MAC);
    offer.items.insert(0, PinnedItem { configuration_id: "zeal".to_owned(), revision: REVISION });
    create(&store, tenant, &offer).await;

    let mut tx = store.tenant(tenant).await.unwrap();
    let found = tx.offer(offer.id).await.unwrap().unwrap();
    let ids: Vec<_> = found.items.iter().map(|item| item.configuration_id.as_str()).collect();
    assert_eq!(ids, ["badge", "zeal"]);
    assert_eq!(found.items[0].revision, REVISION);
    assert_eq!(found.tx_code, Some(offer.tx_code.unwrap().description));
    assert_eq!((found.state, found.tx_code_attempts), (OfferState::Created, 0));
    assert_eq!((found.created_at, found.expires_at), (offer.created_at, offer.expires_at));
}

#[tokio::test]
async fn the_first_reading_marks_an_offer_as_fetched() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = new_offer();
    create(&store, tenant, &offer).await;

    let mut tx = store.tenant(tenant).await.unwrap();
    let looked_at = tx.look_at_offer(&offer.handle_hash).await.unwrap().unwrap();
    assert_eq!(looked_at.state, OfferState::Created);
    for _ in 0..2 {
        let found = tx.offer_by_handle(&offer.handle_hash, NOW).await.unwrap().unwrap();
        assert_eq!((found.id, found.state), (offer.id, OfferState::Fetched));
    }
    assert_eq!(tx.offer_by_handle(&digest(), NOW).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(state(&store, tenant, offer.id).await, OfferState::Fetched);
    redeem(&store, tenant, &offer).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    let found = tx.offer_by_handle(&offer.handle_hash, NOW).await.unwrap().unwrap();
    assert_eq!(found.state, OfferState::Redeemed);
}

#[tokio::test]
async fn an_offer_whose_time_is_over_reads_as_expired_and_redeems_no_more() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = new_offer();
    create(&store, tenant, &offer).await;

    let mut tx = store.tenant(tenant).await.unwrap();
    let found = tx.offer_by_handle(&offer.handle_hash, offer.expires_at).await.unwrap().unwrap();
    assert_eq!(found.state, OfferState::Expired);
    let late = tx.redeem(&offer.code_hash, offer.expires_at).await.unwrap();
    assert_eq!(late, Redemption::Over(OfferState::Expired));
    let in_time = tx.redeem(&offer.code_hash, offer.expires_at - Duration::SECOND).await.unwrap();
    assert!(matches!(in_time, Redemption::Redeemed { .. }));
}

#[tokio::test]
async fn a_redeemed_code_names_the_offer_and_its_items() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let made = new_offer();
    create(&store, tenant, &made).await;
    match redeem(&store, tenant, &made).await {
        Redemption::Redeemed { offer, issuable, issue_by } => {
            assert_eq!((offer, issue_by), (made.id, made.expires_at + chancery_store::ISSUE_WITHIN));
            assert_eq!((issuable.items.len(), issuable.items[0].revision), (1, REVISION));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(redeem(&store, tenant, &made).await, Redemption::Over(OfferState::Redeemed));
    assert_eq!(redeem(&store, tenant, &new_offer()).await, Redemption::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_redeems_once_whoever_comes_at_the_same_time() {
    let database = Database::fresh().await;
    let (here, there) = (database.store().await, database.store().await);
    let tenant = issuer(&here, "acme").await;
    let offer = new_offer();
    create(&here, tenant, &offer).await;

    let attempts: Vec<_> = (0..50)
        .map(|number| {
            let store = if number % 2 == 0 { here.clone() } else { there.clone() };
            let offer = offer.clone();
            tokio::spawn(async move { redeem(&store, tenant, &offer).await })
        })
        .collect();
    let mut redeemed = 0;
    for attempt in attempts {
        match attempt.await.unwrap() {
            Redemption::Redeemed { .. } => redeemed += 1,
            other => assert_eq!(other, Redemption::Over(OfferState::Redeemed)),
        }
    }
    assert_eq!(redeemed, 1);
}

#[tokio::test]
async fn an_offer_with_a_transaction_code_does_not_redeem_without_a_try() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let (offer, other) = (with_tx_code(MAC), with_tx_code(MAC));
    create(&store, tenant, &offer).await;
    create(&store, tenant, &other).await;
    assert_eq!(redeem(&store, tenant, &offer).await, Redemption::TxCodeNeeded);

    // A try in another transaction, or at another offer, is none at this one.
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.try_tx_code(&offer.code_hash, NOW).await.unwrap().unwrap().mac, MAC);
    tx.commit().await.unwrap();
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.try_tx_code(&other.code_hash, NOW).await.unwrap().unwrap();
    assert_eq!(tx.redeem(&offer.code_hash, NOW).await.unwrap(), Redemption::TxCodeNeeded);
    tx.commit().await.unwrap();
    // An offer without a transaction code has nothing to try.
    let plain = new_offer();
    create(&store, tenant, &plain).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.try_tx_code(&plain.code_hash, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn the_fifth_try_may_be_right() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = with_tx_code(MAC);
    create(&store, tenant, &offer).await;
    for left in [4, 3, 2, 1] {
        let mut tx = store.tenant(tenant).await.unwrap();
        assert_eq!(tx.try_tx_code(&offer.code_hash, NOW).await.unwrap().unwrap().attempts_left, left);
        tx.commit().await.unwrap();
    }
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.try_tx_code(&offer.code_hash, NOW).await.unwrap().unwrap().attempts_left, 0);
    assert!(matches!(tx.redeem(&offer.code_hash, NOW).await.unwrap(), Redemption::Redeemed { .. }));
    tx.commit().await.unwrap();
    assert_eq!(state(&store, tenant, offer.id).await, OfferState::Redeemed);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_five_tries_in_all_races_and_restarts_together() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = with_tx_code(MAC);
    create(&store, tenant, &offer).await;
    let mut tries = 0;
    for _restart in 0..3 {
        let store = database.store().await;
        let racing: Vec<_> = (0..20)
            .map(|_| {
                let (store, code) = (store.clone(), offer.code_hash);
                tokio::spawn(async move {
                    let mut tx = store.tenant(tenant).await.unwrap();
                    let attempt = tx.try_tx_code(&code, NOW).await.unwrap();
                    tx.commit().await.unwrap();
                    attempt.is_some()
                })
            })
            .collect();
        for attempt in racing {
            tries += u32::from(attempt.await.unwrap());
        }
    }
    assert_eq!(tries, 5);
    assert_eq!(state(&store, tenant, offer.id).await, OfferState::Failed);
    assert_eq!(redeem(&store, tenant, &offer).await, Redemption::Over(OfferState::Failed));
}

#[tokio::test]
async fn an_offer_is_withdrawn_until_all_of_it_is_issued() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = redeemed(&store, tenant).await;
    let issued = issued(&store, tenant).await;

    let mut tx = store.tenant(tenant).await.unwrap();
    let became = |before, now| Some(Cancelled { before, now });
    let (redeemed, cancelled, issued_state) =
        (OfferState::Redeemed, OfferState::Cancelled, OfferState::Issued);
    assert_eq!(tx.cancel_offer(offer.id).await.unwrap(), became(redeemed, cancelled));
    assert_eq!(tx.cancel_offer(offer.id).await.unwrap(), became(cancelled, cancelled));
    assert_eq!(tx.cancel_offer(issued.offer).await.unwrap(), became(issued_state, issued_state));
    assert_eq!(tx.cancel_offer(new_offer().id).await.unwrap(), None);
    assert!(tx.offer_for_issuance(offer.id, NOW).await.unwrap().is_none());
    tx.commit().await.unwrap();
    let subjects: i64 = one(&mut database.admin().await, "select count(*) from offer_subjects").await;
    assert_eq!(subjects, 0, "a withdrawn offer's subject is erased");
}

#[tokio::test]
async fn only_a_redeemed_offer_shows_its_subject_for_issuance() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = new_offer();
    create(&store, tenant, &offer).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.offer_for_issuance(offer.id, NOW).await.unwrap().is_none());
    tx.redeem(&offer.code_hash, NOW).await.unwrap();
    let found = tx.offer_for_issuance(offer.id, NOW).await.unwrap().unwrap();
    assert_eq!((found.sealed_subject, found.items.len()), (offer.sealed_subject, 1));
    // A redeemed offer outlives its own time, for as long as an access token may.
    let last = offer.expires_at + chancery_store::ISSUE_WITHIN;
    assert!(tx.offer_for_issuance(offer.id, last - Duration::SECOND).await.unwrap().is_some());
    assert!(tx.offer_for_issuance(offer.id, last).await.unwrap().is_none());
}

#[tokio::test]
async fn pages_show_every_offer_once_the_newest_first() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut made = Vec::new();
    for _ in 0..7 {
        let offer = new_offer();
        create(&store, tenant, &offer).await;
        made.insert(0, offer.id);
    }
    let mut tx = store.tenant(tenant).await.unwrap();
    let (mut seen, mut pages, mut before) = (Vec::new(), 0, None);
    loop {
        let (offers, next) = tx.offers(&Page { before, limit: 3 }).await.unwrap();
        seen.extend(offers.iter().map(|offer| offer.id));
        pages += 1;
        before = next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!((seen, pages), (made, 3));
    let (all, next) = tx.offers(&Page { before: None, limit: 7 }).await.unwrap();
    assert_eq!((all.len(), next), (7, None));
}

#[tokio::test]
async fn a_restore_kills_the_offers_that_were_under_way() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let (waiting, taken) = (new_offer(), redeemed(&store, tenant).await);
    create(&store, tenant, &waiting).await;
    let mut platform = store.platform(By::Operator).await.unwrap();
    platform.begin_restore_epoch(uuid::Uuid::from_u128(1)).await.unwrap();
    platform.commit().await.unwrap();

    assert_eq!(redeem(&store, tenant, &waiting).await, Redemption::Over(OfferState::Expired));
    let tx = store.tenant(tenant).await.unwrap();
    let refused = tx.record_issuance(&intent(&taken)).await.unwrap();
    assert_eq!(refused, Err(chancery_store::IntentRefused::OfferNotIssuable(OfferState::Expired)));
    let fresh = new_offer();
    create(&store, tenant, &fresh).await;
    assert!(matches!(redeem(&store, tenant, &fresh).await, Redemption::Redeemed { .. }));
}
