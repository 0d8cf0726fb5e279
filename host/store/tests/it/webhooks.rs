//! What webhooks are told: written with what happened, taken once, and found by replicas.

use chancery_domain::webhook::{DeliveryState, MOST_WEBHOOKS};
use chancery_domain::{EventId, EventType, TenantId, WebhookId};
use chancery_store::{By, Chore, Delivery, Outcome, Page, Store, WebhookTerms};
use time::Duration;
use time::OffsetDateTime;

use crate::database::{Database, one};
use crate::support::*;

async fn webhook(store: &Store, tenant: TenantId, terms: &WebhookTerms) -> WebhookId {
    let id = WebhookId::new(NOW, unique());
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.create_webhook(id, terms, &[7]).await.unwrap());
    tx.commit().await.unwrap();
    id
}

async fn happens(store: &Store, tenant: TenantId, kind: EventType) -> EventId {
    let event = event(kind);
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.tell(std::slice::from_ref(&event)).await.unwrap();
    tx.commit().await.unwrap();
    event.id
}

/// What a process takes at that time, nothing if another one is just taking.
async fn take(store: &Store, tenant: TenantId, at: OffsetDateTime) -> Vec<Delivery> {
    let mut tx = store.tenant(tenant).await.unwrap();
    let taken = tx.take_deliveries(at, at + Duration::seconds(2), &[], old(at)).await.unwrap();
    tx.commit().await.unwrap();
    taken.unwrap_or_default().deliveries
}

/// Names nothing that is less than two weeks old.
fn old(at: OffsetDateTime) -> EventId {
    EventId::new(at - Duration::days(14), [0; 10])
}

async fn note(store: &Store, tenant: TenantId, delivery: &Delivery, outcome: Outcome, at: OffsetDateTime) {
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.note_attempt(delivery, outcome, "so", at).await.unwrap();
    tx.commit().await.unwrap();
}

/// Whether replicas find the tenant then.
async fn is_due(store: &Store, tenant: TenantId, at: OffsetDateTime) -> bool {
    let mut tx = store.platform(By::Job("test")).await.unwrap();
    let due = tx.due(Chore::Deliver, at, 100).await.unwrap();
    tx.commit().await.unwrap();
    due.contains(&tenant)
}

async fn states(store: &Store, tenant: TenantId, webhook: WebhookId) -> Vec<DeliveryState> {
    let mut tx = store.tenant(tenant).await.unwrap();
    let (past, _) = tx.deliveries(webhook, None, &Page { before: None, limit: 50 }).await.unwrap();
    tx.commit().await.unwrap();
    past.iter().map(|one| one.state).collect()
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_written() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let (deaf, disabled, other) =
        (issuer(&store, "deaf").await, issuer(&store, "disabled").await, issuer(&store, "other").await);
    webhook(&store, disabled, &WebhookTerms { enabled: false, ..webhook_terms() }).await;
    let kinds = Some(vec![EventType::OfferExpired]);
    webhook(&store, other, &WebhookTerms { event_types: kinds, ..webhook_terms() }).await;
    for tenant in [deaf, disabled, other] {
        happens(&store, tenant, EventType::OfferCreated).await;
        assert!(!is_due(&store, tenant, NOW + Duration::DAY).await);
        let mut tx = store.tenant(tenant).await.unwrap();
        assert_eq!(tx.listened().await.unwrap().len(), usize::from(tenant == other));
        tx.commit().await.unwrap();
    }
    let rows: i64 = one(&mut database.admin().await, "select count(*) from webhook_deliveries").await;
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn what_is_rolled_back_is_not_told() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let hook = webhook(&store, tenant, &webhook_terms()).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.tell(&[event(EventType::OfferCreated)]).await.unwrap();
    tx.rollback().await.unwrap();
    assert!(states(&store, tenant, hook).await.is_empty());
}

#[tokio::test]
async fn a_delivery_is_one_takers_until_its_lease_is_over() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let hook = webhook(&store, tenant, &webhook_terms()).await;
    let told = happens(&store, tenant, EventType::OfferCreated).await;
    let first = take(&store, tenant, NOW).await;
    assert_eq!((first[0].event, first[0].webhook, first[0].attempts), (told, hook, 1));
    assert_eq!(first[0].secrets.current, [7]);
    assert!(take(&store, tenant, NOW + Duration::seconds(30)).await.is_empty(), "somebody has it");
    // Who took it never came back.
    let later = NOW + Duration::seconds(95);
    assert!(is_due(&store, tenant, later).await, "somebody looks again");
    let second = take(&store, tenant, later).await;
    assert_eq!((second[0].event, second[0].attempts), (told, 2));
    // The first comes back after all: the second decides.
    note(&store, tenant, &first[0], Outcome::Dead, later).await;
    assert_eq!(states(&store, tenant, hook).await, [DeliveryState::Pending]);
    note(&store, tenant, &second[0], Outcome::Accepted, later).await;
    assert_eq!(states(&store, tenant, hook).await, [DeliveryState::Delivered]);
    assert!(take(&store, tenant, later + Duration::HOUR).await.is_empty());
}

#[tokio::test]
async fn replicas_take_different_deliveries_or_wait() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    webhook(&store, tenant, &webhook_terms()).await;
    for _ in 0..8 {
        happens(&store, tenant, EventType::OfferCreated).await;
    }
    let mut one = store.tenant(tenant).await.unwrap();
    let first = one.take_deliveries(NOW, NOW, &[], old(NOW)).await.unwrap().unwrap().deliveries;
    let mut other = store.tenant(tenant).await.unwrap();
    assert_eq!(
        other.take_deliveries(NOW, NOW, &[], old(NOW)).await.unwrap(),
        None,
        "it is being looked after"
    );
    other.commit().await.unwrap();
    one.commit().await.unwrap();
    let second = take(&store, tenant, NOW).await;
    assert_eq!((first.len(), second.len()), (5, 3), "some at a time");
    assert!(first.iter().all(|one| second.iter().all(|other| one.event != other.event)));
}

/// Whoever writes an event while the tenant is due leaves that alone; so it may be overlooked by who looks meanwhile.
#[tokio::test]
async fn what_was_written_while_somebody_looked_is_found_soon() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    webhook(&store, tenant, &webhook_terms()).await;
    happens(&store, tenant, EventType::OfferCreated).await;
    let mut slow = store.tenant(tenant).await.unwrap();
    slow.tell(&[event(EventType::OfferCancelled)]).await.unwrap();
    let seen = take(&store, tenant, NOW).await;
    assert_eq!(seen.len(), 1);
    note(&store, tenant, &seen[0], Outcome::Accepted, NOW).await;
    slow.commit().await.unwrap();
    let soon = NOW + Duration::seconds(30);
    assert!(is_due(&store, tenant, soon).await);
    // Ahead of time, as replicas come.
    let found = take(&store, tenant, soon - Duration::seconds(1)).await;
    assert_eq!(found.len(), 1);
    note(&store, tenant, &found[0], Outcome::Accepted, soon).await;
    // Nothing can have been overlooked then, so once nobody holds anything the tenant rests, …
    let after = NOW + Duration::seconds(118);
    take(&store, tenant, after).await;
    assert!(!is_due(&store, tenant, after + Duration::HOUR).await);
    // … until something happens.
    happens(&store, tenant, EventType::OfferFetched).await;
    assert!(is_due(&store, tenant, after).await);
}

#[tokio::test]
async fn a_failure_is_tried_again_when_it_was_said() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let hook = webhook(&store, tenant, &webhook_terms()).await;
    happens(&store, tenant, EventType::OfferCreated).await;
    let taken = take(&store, tenant, NOW).await;
    let again = NOW + Duration::hours(2);
    note(&store, tenant, &taken[0], Outcome::Again(again), NOW).await;
    assert!(take(&store, tenant, again - Duration::minutes(1)).await.is_empty());
    assert!(is_due(&store, tenant, again).await);
    let taken = take(&store, tenant, again).await;
    assert_eq!((taken[0].attempts, taken[0].failing_since), (2, Some(NOW)));
    note(&store, tenant, &taken[0], Outcome::Dead, again).await;
    assert!(take(&store, tenant, again + Duration::DAY).await.is_empty());
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.replay(hook, None, again).await.unwrap(), 1);
    assert_eq!(tx.replay(hook, Some(EventId::new(NOW, unique())), again).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let taken = take(&store, tenant, again).await;
    assert_eq!((taken[0].attempts, taken[0].failing_since), (1, Some(NOW)), "it begins anew");
    note(&store, tenant, &taken[0], Outcome::Accepted, again).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.webhook(hook).await.unwrap().unwrap().failing_since, None);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_is_old_is_forgotten_and_what_is_disabled_waits() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let hook = webhook(&store, tenant, &webhook_terms()).await;
    happens(&store, tenant, EventType::OfferCreated).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.disable_webhook(hook, "tired").await.unwrap());
    assert!(!tx.disable_webhook(hook, "tired").await.unwrap());
    assert!(!tx.tell_one(hook, &event(EventType::OfferCreated)).await.unwrap());
    tx.commit().await.unwrap();
    assert!(take(&store, tenant, NOW).await.is_empty());
    assert_eq!(states(&store, tenant, hook).await, [DeliveryState::Pending]);
    let later = NOW + Duration::days(15);
    take(&store, tenant, later).await;
    assert!(states(&store, tenant, hook).await.is_empty());
    // Removed, nobody comes for it any more.
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.delete_webhook(hook).await.unwrap());
    tx.commit().await.unwrap();
    take(&store, tenant, later + Duration::seconds(29)).await;
    assert!(!is_due(&store, tenant, later + Duration::days(400)).await);
}

#[tokio::test]
async fn a_tenant_has_so_many_webhooks_and_sees_no_others() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let (tenant, neighbour) = (issuer(&store, "acme").await, issuer(&store, "globex").await);
    let mut last = None;
    for _ in 0..MOST_WEBHOOKS {
        last = Some(webhook(&store, tenant, &webhook_terms()).await);
    }
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(!tx.create_webhook(WebhookId::new(NOW, unique()), &webhook_terms(), &[1]).await.unwrap());
    tx.commit().await.unwrap();
    let mut tx = store.tenant(neighbour).await.unwrap();
    assert_eq!(tx.webhook(last.unwrap()).await.unwrap(), None);
    assert!(!tx.delete_webhook(last.unwrap()).await.unwrap());
    assert!(tx.webhooks().await.unwrap().is_empty());
    tx.commit().await.unwrap();
}
