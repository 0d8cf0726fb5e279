//! Audit trails: one row with each change, sealed once, and nobody's to rewrite.

use chancery_domain::AuditEntry;
use chancery_domain::audit::Action;
use chancery_domain::tenant::TenantStatus;
use chancery_store::{AuditFilter, AuditTrail, By, Chore, Link, Page, Seal, StoreError};
use time::Duration;

use crate::database::{Database, one, run};
use crate::support::*;

const ALL: Page<chancery_domain::AuditEntryId> = Page { before: None, limit: 100 };

async fn told(trail: &mut impl AuditTrail, filter: AuditFilter) -> Vec<AuditEntry> {
    trail.audit_entries(&filter, &ALL).await.unwrap().0
}

#[tokio::test]
async fn an_offer_is_told_of_in_its_own_statement_and_as_it_was_said() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = new_offer();
    create(&store, tenant, &offer).await;
    let refused = new_offer_by(Some("key_00000000000070008000000000000001".parse().unwrap()));
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(!tx.create_offer(&refused).await.unwrap());
    assert_eq!(told(&mut tx, AuditFilter::default()).await, [offer.audit]);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_was_undone_is_not_told() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.create_offer(&new_offer()).await.unwrap());
    tx.record(&entry(Action::ApiKeyCreated, "key_1", None)).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(told(&mut tx, AuditFilter::default()).await, []);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_trail_is_read_by_action_by_target_and_by_page() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut tx = store.tenant(tenant).await.unwrap();
    let mut entries = Vec::new();
    for (action, target) in [
        (Action::OfferCreated, "ofr_1"),
        (Action::OfferCancelled, "ofr_1"),
        (Action::OfferCreated, "ofr_2"),
        (Action::ApiKeyCreated, "key_1"),
    ] {
        let entry = entry(action, target, None);
        tx.record(&entry).await.unwrap();
        entries.insert(0, entry);
    }
    let by = |action, target: Option<&str>| AuditFilter { action, target: target.map(str::to_owned) };
    assert_eq!(told(&mut tx, by(None, None)).await, entries);
    assert_eq!(
        told(&mut tx, by(Some(Action::OfferCreated), None)).await,
        [entries[1].clone(), entries[3].clone()]
    );
    assert_eq!(told(&mut tx, by(None, Some("ofr_1"))).await, entries[2..]);
    assert_eq!(told(&mut tx, by(Some(Action::OfferCancelled), Some("ofr_1"))).await, entries[2..3]);
    let (first, next) = tx.audit_entries(&by(None, None), &Page { before: None, limit: 3 }).await.unwrap();
    assert_eq!((first.as_slice(), next), (&entries[..3], Some(entries[2].id)));
    let (rest, next) = tx.audit_entries(&by(None, None), &Page { before: next, limit: 3 }).await.unwrap();
    assert_eq!((rest.as_slice(), next), (&entries[3..], None));
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_entry_that_commits_late_is_sealed_like_any_other_and_once() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let (early, late) = (new_offer(), new_offer());
    let mut slow = store.tenant(tenant).await.unwrap();
    assert!(slow.create_offer(&early).await.unwrap());
    // Written later, and committed first. What is due is written by whoever comes first, so not here.
    let mut admin = database.admin().await;
    run(&mut admin, &format!("set chancery.tenant = '{}'", tenant.uuid())).await;
    let id = late.audit.id.uuid();
    run(
        &mut admin,
        &format!(
            "insert into audit_entries (id, at, actor, action, target) values ('{id}', now(), 'host', 'a.b', 'x');
             insert into audit_waiting (entry_id) values ('{id}')"
        ),
    )
    .await;
    let sealed = async |number| {
        let mut tx = store.tenant(tenant).await.unwrap();
        let sealed = seal(&mut tx, number).await;
        tx.commit().await.unwrap();
        sealed
    };
    assert_eq!(sealed(1).await, [late.audit.id]);
    slow.commit().await.unwrap();
    assert_eq!(sealed(2).await, [early.audit.id]);
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.count_unsealed().await.unwrap(), 0);
    let links = tx.links(2).await.unwrap();
    assert_eq!(links.iter().map(|link| link.entry).collect::<Vec<_>>(), [early.audit.id]);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn of_two_replicas_one_makes_the_seal() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = new_offer();
    create(&store, tenant, &offer).await;
    let made = |number| Seal { number, sealed_at: NOW, hash: digest(), mac: digest() };
    let links = [Link { entry: offer.audit.id, digest: digest() }];
    let mut here = store.tenant(tenant).await.unwrap();
    assert!(here.seal_entries(&made(1), &links).await.unwrap());
    here.commit().await.unwrap();
    // The number is taken; and what is sealed is not sealed again under another.
    for number in [1, 2] {
        let mut there = store.tenant(tenant).await.unwrap();
        assert!(!there.seal_entries(&made(number), &links).await.unwrap());
        there.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn a_tenant_is_due_for_a_seal_while_it_has_anything_new() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    issuer(&store, "idle").await;
    let due = async |now| {
        let mut platform = store.platform(By::Job("seal")).await.unwrap();
        let due = platform.due(Chore::Seal, now, 100).await.unwrap();
        platform.commit().await.unwrap();
        due
    };
    let again = async |at| {
        let mut tx = store.tenant(tenant).await.unwrap();
        tx.seal_again(at).await.unwrap();
        tx.commit().await.unwrap();
    };
    assert_eq!(due(NOW).await, []);
    create(&store, tenant, &new_offer()).await;
    assert_eq!(due(NOW).await, [tenant]);
    again(Some(NOW + Duration::MINUTE)).await;
    create(&store, tenant, &new_offer()).await;
    assert_eq!(due(NOW).await, []);
    assert_eq!(due(NOW + Duration::MINUTE).await, [tenant]);
    again(None).await;
    assert_eq!(due(NOW + Duration::MINUTE).await, []);
    // What was missed in the instant of that last visit is noticed by the sweep.
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.sweep(NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(due(NOW).await, [tenant]);
}

#[tokio::test]
async fn nobody_who_serves_rewrites_a_trail() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    create(&store, tenant, &new_offer()).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    seal(&mut tx, 1).await;
    tx.commit().await.unwrap();
    let mut serving = database.serving().await;
    let mut platform =
        <sqlx::PgConnection as sqlx::Connection>::connect(&database.urls.platform).await.unwrap();
    for connection in [&mut serving, &mut platform] {
        run(connection, &format!("set chancery.tenant = '{}'", tenant.uuid())).await;
        for prefix in ["", "platform_"] {
            for statement in [
                "update {}audit_entries set target = 'x'",
                "delete from {}audit_entries",
                "update {}audit_seals set number = 7",
                "update {}audit_seals set entries = null",
                "delete from {}audit_seals",
            ] {
                let statement = statement.replace("{}", prefix);
                let error =
                    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.as_str())).execute(&mut *connection).await;
                let error = error.expect_err(&statement);
                assert_eq!(
                    error.as_database_error().unwrap().code().as_deref(),
                    Some("42501"),
                    "{statement}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_platform_hears_of_a_registration_and_of_nothing_else_from_a_tenant() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let new = new_tenant("acme");
    let mut provision = store.provision().await.unwrap();
    assert!(provision.register(&new).await.unwrap());
    provision.commit().await.unwrap();
    set_status(&store, new.tenant.id, TenantStatus::Suspended).await;
    let suspended = entry(Action::TenantSuspended, new.tenant.id, None);
    let mut platform = store.platform(By::Operator).await.unwrap();
    platform.record(&suspended).await.unwrap();
    let everything = told(&mut platform, AuditFilter::default()).await;
    assert_eq!(everything, [suspended.clone(), new.audit.clone()]);
    assert_eq!(seal(&mut platform, 1).await, [new.audit.id, suspended.id]);
    platform.commit().await.unwrap();

    // Of itself, and only that it was registered.
    let mut slanders = new_tenant("slanderer");
    slanders.audit = new_tenant("globex").audit;
    let mut lies = new_tenant("liar");
    lies.audit = entry(Action::TenantSuspended, lies.tenant.id, None);
    for liar in [slanders, lies] {
        let mut provision = store.provision().await.unwrap();
        let refused = provision.register(&liar).await;
        assert!(matches!(refused, Err(StoreError::Driver(_))), "{refused:?}");
        assert!(provision.commit().await.is_err());
    }
    assert_eq!(
        one::<i64>(&mut database.admin().await, "select count(*) from platform_audit_entries").await,
        2
    );
}
