//! What was issued is issued again, as often as it may be, and no longer than its subject is there.

use chancery_domain::{
    AuthorizationId, EventType, IssuanceId, OfferGrant, OfferState, StatusChange, TenantId,
};
use chancery_store::{
    Authorized, Intent, IntentRefused, NewAuthorization, NewOffer, NotificationEvent, Repeats, Store,
};
use time::{Duration, OffsetDateTime};

use crate::database::{Database, one, run};
use crate::support::*;

/// When the token of the tests is over.
const UNTIL: OffsetDateTime = NOW.saturating_add(Duration::minutes(5));

/// An intent whose wallet may come again that often.
fn repeatable(offer: &NewOffer, most: u8) -> Intent {
    Intent { repeats: Some(Repeats { most, until: UNTIL }), ..intent(offer) }
}

async fn record(store: &Store, tenant: TenantId, intent: &Intent) -> Result<(), IntentRefused> {
    store.tenant(tenant).await.unwrap().record_issuance(intent).await.unwrap().map(drop)
}

async fn state(store: &Store, tenant: TenantId, offer: &NewOffer) -> (OfferState, Option<IssuanceId>) {
    let mut tx = store.tenant(tenant).await.unwrap();
    let read = tx.offer(offer.id).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    (read.state, read.items[0].issuance)
}

async fn subjects(database: &Database) -> i64 {
    one(&mut database.admin().await, "select count(*) from offer_subjects").await
}

async fn notify(store: &Store, tenant: TenantId, intent: &Intent, event: NotificationEvent) {
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.notify(intent.issuance, intent.offer, event).await.unwrap().is_some());
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_at_the_same_time_repeats_are_counted() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    for _ in 0..5 {
        let offer = redeemed(&store, tenant).await;
        let racing: Vec<_> = (0..10)
            .map(|_| {
                let (store, intent) = (store.clone(), repeatable(&offer, 2));
                tokio::spawn(async move { record(&store, tenant, &intent).await })
            })
            .collect();
        let mut issued = 0;
        for attempt in racing {
            match attempt.await.unwrap() {
                Ok(()) => issued += 1,
                Err(refused) => assert_eq!(refused, IntentRefused::AlreadyIssued),
            }
        }
        assert_eq!(issued, 3, "once, and twice more");
    }
    assert_eq!(subjects(&database).await, 0, "the last time erases the subject");
    let issuances: i64 = one(&mut database.admin().await, "select count(*) from issuances").await;
    assert_eq!(issuances, 15);
}

#[tokio::test]
async fn each_credential_of_an_offer_is_counted_by_itself() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut offer = new_offer();
    let (configuration_id, revision) = ("second".to_owned(), REVISION);
    offer.items.push(chancery_store::PinnedItem { configuration_id, revision });
    create(&store, tenant, &offer).await;
    redeem(&store, tenant, &offer).await;
    let second = || Intent { configuration_id: "second".to_owned(), ..repeatable(&offer, 1) };
    for intent in [repeatable(&offer, 1), repeatable(&offer, 1), second()] {
        assert_eq!(record(&store, tenant, &intent).await, Ok(()));
        assert_eq!(subjects(&database).await, 1);
    }
    assert_eq!(record(&store, tenant, &repeatable(&offer, 1)).await, Err(IntentRefused::AlreadyIssued));
    let mut tx = store.tenant(tenant).await.unwrap();
    let read = tx.offer_for_issuance(offer.id, NOW).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!((read.repeats(BADGE), read.repeats("second")), (1, 0));
    assert_eq!(record(&store, tenant, &second()).await, Ok(()));
    assert_eq!(subjects(&database).await, 0);
}

#[tokio::test]
async fn the_offer_stays_what_it_became() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = redeemed(&store, tenant).await;
    let first = repeatable(&offer, 3);
    assert_eq!(record(&store, tenant, &first).await, Ok(()));
    assert_eq!(record(&store, tenant, &repeatable(&offer, 3)).await, Ok(()));
    assert_eq!(state(&store, tenant, &offer).await, (OfferState::Issued, Some(first.issuance)));
    notify(&store, tenant, &first, NotificationEvent::Accepted).await;
    let again = repeatable(&offer, 3);
    assert_eq!(record(&store, tenant, &again).await, Ok(()));
    assert_eq!(state(&store, tenant, &offer).await, (OfferState::Accepted, Some(first.issuance)));
    notify(&store, tenant, &again, NotificationEvent::Failure).await;
    assert_eq!(state(&store, tenant, &offer).await.0, OfferState::Accepted);
}

#[tokio::test]
async fn webhooks_hear_of_every_credential_and_once_of_the_offer() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut tx = store.tenant(tenant).await.unwrap();
    let id = chancery_domain::WebhookId::new(NOW, unique());
    assert!(tx.create_webhook(id, &webhook_terms(), b"sealed").await.unwrap());
    tx.commit().await.unwrap();
    let offer = redeemed(&store, tenant).await;
    for _ in 0..2 {
        let events = vec![event(EventType::OfferIssued), event(EventType::CredentialIssued)];
        let intent = Intent { events, ..repeatable(&offer, 1) };
        assert_eq!(record(&store, tenant, &intent).await, Ok(()));
    }
    let mut admin = database.admin().await;
    let mut told = async |kind: &str| {
        one::<i64>(
            &mut admin,
            &format!("select count(*) from webhook_deliveries where event_type = '{kind}'"),
        )
        .await
    };
    assert_eq!((told("credential.issued").await, told("offer.issued").await), (2, 1));
}

#[tokio::test]
async fn the_subject_is_kept_as_long_as_the_token_lives() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = NewOffer { expires_at: NOW + Duration::days(30), ..new_offer() };
    create(&store, tenant, &offer).await;
    redeem(&store, tenant, &offer).await;
    run(&mut database.admin().await, "update due set at = now() + interval '9 years'").await;
    assert_eq!(record(&store, tenant, &repeatable(&offer, 1)).await, Ok(()));
    let due: OffsetDateTime =
        one(&mut database.admin().await, "select at from due where kind = 'sweep'").await;
    assert_eq!(due, UNTIL, "somebody comes in time to erase it");

    let late = Intent { now: UNTIL, ..repeatable(&offer, 1) };
    assert_eq!(record(&store, tenant, &late).await, Err(IntentRefused::AlreadyIssued), "swept or not");
    for (now, left) in [(UNTIL - Duration::SECOND, 1), (UNTIL, 0)] {
        let mut tx = store.tenant(tenant).await.unwrap();
        tx.sweep(now).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(subjects(&database).await, left);
    }
    assert_eq!(state(&store, tenant, &offer).await.0, OfferState::Issued);
    assert_eq!(record(&store, tenant, &repeatable(&offer, 1)).await, Err(IntentRefused::AlreadyIssued));
}

#[tokio::test]
async fn nothing_is_repeated_after_what_ends_an_offer() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let over = Err(IntentRefused::AlreadyIssued);

    let withdrawn = redeemed(&store, tenant).await;
    assert_eq!(record(&store, tenant, &repeatable(&withdrawn, 3)).await, Ok(()));
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.cancel_offer(withdrawn.id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(record(&store, tenant, &repeatable(&withdrawn, 3)).await, over);
    assert_eq!(state(&store, tenant, &withdrawn).await.0, OfferState::Issued);

    let given_up = redeemed(&store, tenant).await;
    let intent = repeatable(&given_up, 3);
    assert_eq!(record(&store, tenant, &intent).await, Ok(()));
    notify(&store, tenant, &intent, NotificationEvent::Failure).await;
    assert_eq!(record(&store, tenant, &repeatable(&given_up, 3)).await, over);
    assert_eq!(state(&store, tenant, &given_up).await.0, OfferState::Failed);

    let stolen = NewOffer { grant: OfferGrant::AuthorizationCode, ..new_offer() };
    create(&store, tenant, &stolen).await;
    let id = AuthorizationId::new(NOW, unique());
    let mut tx = store.tenant(tenant).await.unwrap();
    let decided = NewAuthorization { id, offer: Some(stolen.id), expires_at: UNTIL, now: NOW };
    assert!(tx.decide(&decided).await.unwrap());
    tx.redeem_authorization(id, stolen.id, NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(record(&store, tenant, &repeatable(&stolen, 3)).await, Ok(()));
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.redeem_authorization(id, stolen.id, NOW).await.unwrap(), Authorized::Replayed);
    tx.commit().await.unwrap();
    assert_eq!(record(&store, tenant, &repeatable(&stolen, 3)).await, over);
    assert_eq!(subjects(&database).await, 0);
}

#[tokio::test]
async fn what_is_revoked_or_suspended_is_not_repeated() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = redeemed(&store, tenant).await;
    let first = repeatable(&offer, 3);
    assert_eq!(record(&store, tenant, &first).await, Ok(()));
    let change = async |change| {
        let mut tx = store.tenant(tenant).await.unwrap();
        tx.change_status(first.copies[0].credential, change).await.unwrap().unwrap().unwrap();
        tx.commit().await.unwrap();
    };
    change(StatusChange::Suspend).await;
    assert_eq!(record(&store, tenant, &repeatable(&offer, 3)).await, Err(IntentRefused::Withdrawn));
    change(StatusChange::Reinstate).await;
    assert_eq!(record(&store, tenant, &repeatable(&offer, 3)).await, Ok(()));
    change(StatusChange::Revoke).await;
    assert_eq!(record(&store, tenant, &repeatable(&offer, 3)).await, Err(IntentRefused::Withdrawn));
}
