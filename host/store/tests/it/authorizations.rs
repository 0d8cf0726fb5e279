//! A holder decides once, and a code that follows is exchanged once.

use chancery_domain::{AuthorizationId, OfferGrant, OfferState};
use chancery_store::{Authorized, NewAuthorization, NewOffer, Store};
use time::Duration;

use crate::database::{Database, one};
use crate::support::*;

const CODE: Duration = Duration::seconds(60);

fn to_be_consented() -> NewOffer {
    NewOffer { grant: OfferGrant::AuthorizationCode, ..new_offer() }
}

async fn consented(store: &Store, tenant: chancery_domain::TenantId, offer: &NewOffer) -> AuthorizationId {
    let id = AuthorizationId::new(NOW, unique());
    let mut tx = store.tenant(tenant).await.unwrap();
    let decided = NewAuthorization { id, offer: Some(offer.id), expires_at: NOW + CODE, now: NOW };
    assert!(!tx.is_decided(id).await.unwrap());
    assert!(tx.decide(&decided).await.unwrap());
    assert!(!tx.decide(&decided).await.unwrap(), "a request is decided once");
    assert!(!tx.decide(&NewAuthorization { offer: None, ..decided }).await.unwrap());
    assert!(tx.is_decided(id).await.unwrap());
    tx.commit().await.unwrap();
    id
}

#[tokio::test]
async fn an_offer_is_found_by_its_issuer_state_while_it_may_be_consented_to() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let (tenant, neighbour) = (issuer(&store, "acme").await, issuer(&store, "globex").await);
    let (offer, pre_authorized) = (to_be_consented(), new_offer());
    create(&store, tenant, &offer).await;
    create(&store, tenant, &pre_authorized).await;
    let find = async |tenant, offer: &NewOffer, now| {
        let mut tx = store.tenant(tenant).await.unwrap();
        let found = tx.offer_by_issuer_state(&offer.code_hash, now).await.unwrap();
        tx.commit().await.unwrap();
        found.map(|found| found.id)
    };
    assert_eq!(find(tenant, &offer, NOW).await, Some(offer.id));
    assert_eq!(find(tenant, &offer, offer.expires_at).await, None);
    assert_eq!(find(tenant, &pre_authorized, NOW).await, None, "an offer has one grant");
    assert_eq!(find(neighbour, &offer, NOW).await, None);
    consented(&store, tenant, &offer).await;
    assert_eq!(find(tenant, &offer, NOW).await, Some(offer.id), "another wallet may be quicker");
}

#[tokio::test]
async fn a_code_is_exchanged_once_and_a_second_time_ends_the_offer() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = to_be_consented();
    create(&store, tenant, &offer).await;
    let id = consented(&store, tenant, &offer).await;
    let exchange = async |now| {
        let mut tx = store.tenant(tenant).await.unwrap();
        let exchanged = tx.redeem_authorization(id, offer.id, now).await.unwrap();
        if exchanged == Authorized::Over {
            tx.rollback().await.unwrap();
        } else {
            tx.commit().await.unwrap();
        }
        exchanged
    };
    let state = async || {
        let mut tx = store.tenant(tenant).await.unwrap();
        let state = tx.offer(offer.id).await.unwrap().unwrap().state;
        tx.commit().await.unwrap();
        state
    };
    assert_eq!(exchange(NOW + CODE).await, Authorized::Over, "its time is over");
    assert_eq!(exchange(NOW).await, Authorized::Redeemed { is_deferred: false });
    assert_eq!(state().await, OfferState::Redeemed);
    assert_eq!(exchange(NOW).await, Authorized::Replayed);
    assert_eq!(state().await, OfferState::Failed);
    assert_eq!(exchange(NOW + CODE).await, Authorized::Replayed, "however late");
    let tx = store.tenant(tenant).await.unwrap();
    assert!(tx.record_issuance(&intent(&offer)).await.unwrap().is_err());
    let subjects: i64 = one(&mut database.admin().await, "select count(*) from offer_subjects").await;
    assert_eq!(subjects, 0);
}

#[tokio::test]
async fn of_two_consents_to_an_offer_one_is_exchanged() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = to_be_consented();
    create(&store, tenant, &offer).await;
    let (first, second) = (consented(&store, tenant, &offer).await, consented(&store, tenant, &offer).await);
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(
        tx.redeem_authorization(first, offer.id, NOW).await.unwrap(),
        Authorized::Redeemed { is_deferred: false }
    );
    tx.commit().await.unwrap();
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.redeem_authorization(second, offer.id, NOW).await.unwrap(), Authorized::Over);
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn decisions_are_forgotten_when_nobody_can_ask_any_more() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = to_be_consented();
    create(&store, tenant, &offer).await;
    let id = consented(&store, tenant, &offer).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.sweep(NOW + CODE).await.unwrap();
    assert!(tx.is_decided(id).await.unwrap());
    tx.sweep(NOW + CODE + chancery_store::ISSUE_WITHIN).await.unwrap();
    assert!(!tx.is_decided(id).await.unwrap());
    tx.commit().await.unwrap();
}
