//! What time does.

use chancery_domain::{IssuanceId, OfferState};
use chancery_store::{By, Chore, KeptInput, Seen, Swept};
use time::Duration;

use crate::database::{Database, one};
use crate::support::*;

#[tokio::test]
async fn offers_expire_and_their_subjects_are_erased() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let (waiting, taken) = (new_offer(), redeemed(&store, tenant).await);
    create(&store, tenant, &waiting).await;
    let mut admin = database.admin().await;
    let mut subjects = async || one::<i64>(&mut admin, "select count(*) from offer_subjects").await;
    let sweep = async |now| {
        let mut tx = store.tenant(tenant).await.unwrap();
        let swept = tx.sweep(now).await.unwrap();
        let states = (
            tx.offer(waiting.id).await.unwrap().unwrap().state,
            tx.offer(taken.id).await.unwrap().unwrap().state,
        );
        tx.commit().await.unwrap();
        (swept.offers_expired, states.0, states.1)
    };
    let over = waiting.expires_at;
    assert_eq!(sweep(over - Duration::SECOND).await, (0, OfferState::Created, OfferState::Redeemed));
    assert_eq!(subjects().await, 2);
    assert_eq!(sweep(over).await, (1, OfferState::Expired, OfferState::Redeemed));
    assert_eq!(subjects().await, 1, "a redeemed offer has a little longer");
    let later = over + chancery_store::ISSUE_WITHIN;
    assert_eq!(sweep(later).await, (1, OfferState::Expired, OfferState::Expired));
    assert_eq!(subjects().await, 0);
}

#[tokio::test]
async fn a_half_issued_offer_stays_issued_and_loses_its_subject() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut offer = new_offer();
    let revision = REVISION;
    offer.items.push(chancery_store::PinnedItem { configuration_id: "second".to_owned(), revision });
    create(&store, tenant, &offer).await;
    redeem(&store, tenant, &offer).await;
    store.tenant(tenant).await.unwrap().record_issuance(&intent(&offer)).await.unwrap().unwrap();
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.sweep(offer.expires_at + chancery_store::ISSUE_WITHIN).await.unwrap();
    assert_eq!(tx.offer(offer.id).await.unwrap().unwrap().state, OfferState::Issued);
    tx.commit().await.unwrap();
    let subjects: i64 = one(&mut database.admin().await, "select count(*) from offer_subjects").await;
    assert_eq!(subjects, 0);
}

#[tokio::test]
async fn used_values_are_forgotten_once_they_could_not_pass_anyway() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let nonce = digest();
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.remember(Seen::Nonce, &nonce, NOW + Duration::MINUTE).await.unwrap());
    assert!(!tx.remember(Seen::Nonce, &nonce, NOW + Duration::MINUTE).await.unwrap());
    assert_eq!(tx.purge(NOW).await.unwrap(), 0);
    assert!(!tx.remember(Seen::Nonce, &nonce, NOW + Duration::MINUTE).await.unwrap());
    assert_eq!(tx.purge(NOW + Duration::MINUTE).await.unwrap(), 1);
}

#[tokio::test]
async fn what_templates_were_asked_is_forgotten_when_its_time_is_over() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let over = NOW + Duration::HOUR;
    let input =
        |expires_at| KeptInput { issuance: IssuanceId::new(NOW, unique()), sealed: vec![1], expires_at };
    let (first, second) = (input(over), input(over + Duration::HOUR));
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.keep_inputs(&[first.clone(), second.clone()]).await.unwrap();
    tx.due_by(Chore::Sweep, over).await.unwrap();
    assert!(tx.kept_input(first.issuance, over - Duration::SECOND).await.unwrap().is_some());
    assert!(tx.kept_input(first.issuance, over).await.unwrap().is_none(), "its time is over, swept or not");
    assert_eq!(tx.sweep(over).await.unwrap(), Swept { offers_expired: 0, forgotten: 1, to_tell: Vec::new() });
    assert!(tx.kept_input(second.issuance, over).await.unwrap().is_some());
    tx.commit().await.unwrap();
    let mut platform = store.platform(By::Job("sweep")).await.unwrap();
    assert_eq!(platform.due(Chore::Sweep, over + Duration::HOUR, 100).await.unwrap(), [tenant]);
    platform.commit().await.unwrap();
}

#[tokio::test]
async fn invitations_are_forgotten_when_their_time_is_over() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let over = NOW + Duration::hours(72);
    let (accepted, waiting) = (invitation(over), invitation(over + Duration::HOUR));
    let mut tx = store.tenant(tenant).await.unwrap();
    for invitation in [&waiting, &accepted] {
        tx.invite(invitation).await.unwrap();
    }
    assert_eq!(tx.accept_invitation(&accepted.hash, NOW).await.unwrap(), Some(accepted.id));
    tx.commit().await.unwrap();
    let mut admin = database.admin().await;
    let mut left = async || one::<i64>(&mut admin, "select count(*) from invitations").await;
    // Nobody needs to issue anything for it: whoever invites is visited in time.
    for (now, kept) in [(over - Duration::SECOND, 2), (over, 1), (over + Duration::HOUR, 0)] {
        let mut platform = store.platform(By::Job("sweep")).await.unwrap();
        let due = platform.due(Chore::Sweep, now, 100).await.unwrap();
        platform.commit().await.unwrap();
        assert_eq!(due.len(), usize::from(kept < 2), "at {now}");
        for tenant in due {
            let mut tx = store.tenant(tenant).await.unwrap();
            assert_eq!(tx.sweep(now).await.unwrap(), Swept { forgotten: 1, ..Swept::default() });
            tx.commit().await.unwrap();
        }
        assert_eq!(left().await, kept, "at {now}");
    }
}

#[tokio::test]
async fn only_tenants_with_something_to_do_are_due() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let busy = issuer(&store, "busy").await;
    issuer(&store, "idle").await;
    let offer = new_offer();
    create(&store, busy, &offer).await;
    create(&store, busy, &new_offer()).await;
    let due = async |now| {
        let mut platform = store.platform(By::Job("sweep")).await.unwrap();
        let due = platform.due(Chore::Sweep, now, 100).await.unwrap();
        platform.commit().await.unwrap();
        due
    };
    let sweep = async |now| {
        let mut tx = store.tenant(busy).await.unwrap();
        let swept = tx.sweep(now).await.unwrap();
        tx.commit().await.unwrap();
        swept
    };
    assert_eq!(due(NOW).await, []);
    let over = offer.expires_at;
    assert_eq!(due(over).await, [busy]);
    assert_eq!(sweep(over).await, Swept { offers_expired: 2, ..Swept::default() });
    // Nothing is left; the tenant is visited once more, a day later, and then no more.
    assert_eq!(due(over + Duration::hours(23)).await, []);
    assert_eq!(due(over + Duration::DAY).await, [busy]);
    assert_eq!(sweep(over + Duration::DAY).await, Swept::default());
    assert_eq!(due(over + Duration::WEEK).await, []);
    create(&store, busy, &new_offer()).await;
    assert_eq!(due(over + Duration::WEEK).await, [busy]);
}
