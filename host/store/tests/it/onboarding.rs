//! Registrations against a licence, and those that wait.

use chancery_domain::TenantId;
use chancery_domain::onboarding::{Channel, Full, Held, TenantPlaces};
use chancery_domain::tenant::TenantStatus;
use chancery_store::{Admission, By, Gate, InstalledLicense, NewTenant, Store};
use serde_json::json;
use uuid::Uuid;

use crate::database::Database;
use crate::support::*;

const OPERATOR: By = By::Operator;

fn license(revision: u128) -> InstalledLicense {
    InstalledLicense {
        revision: Uuid::from_u128(revision),
        component: COMPONENT,
        configuration: json!({}),
        sealed_document: None,
        document_hash: None,
        installed_at: NOW,
        latest_at: NOW,
        entitlements: None,
        failing_since: None,
    }
}

async fn install(store: &Store, revision: u128) {
    let mut tx = store.platform(OPERATOR).await.unwrap();
    tx.put_component(&badge_component()).await.unwrap();
    tx.install_license(&license(revision)).await.unwrap();
    tx.commit().await.unwrap();
}

fn gate(revision: u128, total: u32) -> Gate {
    let places = TenantPlaces { total: Some(total), roots: None };
    Gate { license: Some(Uuid::from_u128(revision)), places }
}

async fn admit(store: &Store, new: &NewTenant, gate: &Gate) -> Admission {
    let mut provision = store.provision().await.unwrap();
    let admission = provision.admit(new, gate).await.unwrap();
    provision.commit().await.unwrap();
    admission
}

/// Eight at once, in two processes; how many were added.
async fn race(stores: &[Store; 2], round: u32, gate: &Gate) -> u32 {
    let admissions = (0..8).map(|turn| {
        let (store, gate) = (stores[turn % 2].clone(), *gate);
        tokio::spawn(async move { admit(&store, &new_tenant(&format!("t-{round}-{turn}")), &gate).await })
    });
    let mut added = 0;
    for admission in admissions.collect::<Vec<_>>() {
        match admission.await.unwrap() {
            Admission::Added => added += 1,
            other => assert_eq!(other, Admission::Full(Full::Total)),
        }
    }
    added
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_the_last_place_one_gets_it() {
    let database = Database::fresh().await;
    let stores = [database.store().await, database.store().await];
    install(&stores[0], 1).await;
    // The first round opens connections, so that nobody waits for one in the others.
    assert_eq!(race(&stores, 0, &gate(1, 8)).await, 8);
    for round in 1..=10 {
        assert_eq!(race(&stores, round, &gate(1, 8 + round)).await, 1, "in round {round}");
    }
    let (counts, depth) = stores[0].directory().counts(None).await.unwrap();
    assert_eq!((counts.total, counts.roots, counts.waiting, depth), (18, 18, 0, 1));
}

#[tokio::test]
async fn a_registration_that_was_judged_by_another_licence_is_judged_again() {
    let database = Database::fresh().await;
    let store = database.store().await;
    install(&store, 1).await;
    install(&store, 2).await;
    let new = new_tenant("acme");
    assert_eq!(admit(&store, &new, &gate(1, 9)).await, Admission::Moved);
    assert_eq!(admit(&store, &new, &Gate::default()).await, Admission::Moved, "none was there");
    assert_eq!(admit(&store, &new, &gate(2, 9)).await, Admission::Added);
    assert_eq!(admit(&store, &new_tenant("acme"), &gate(2, 9)).await, Admission::Taken);
    let mut tx = store.platform(OPERATOR).await.unwrap();
    assert!(tx.remove_license().await.unwrap() && !tx.remove_license().await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(admit(&store, &new_tenant("next"), &gate(2, 9)).await, Admission::Moved);
    assert_eq!(admit(&store, &new_tenant("next"), &Gate::default()).await, Admission::Added);
}

#[tokio::test]
async fn who_is_rejected_or_deleted_takes_no_place_and_who_waits_does() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let directory = store.directory();
    let parent = issuer(&store, "parent").await;
    let child = |slug: &str, status: TenantStatus| {
        let mut new = new_tenant(slug);
        new.tenant.parent = Some(parent);
        new.tenant.status = status;
        new
    };
    let held = Held { verifications: vec!["domain".to_owned()], reasons: Vec::new(), since: NOW };
    let mut waiting = child("waiting", TenantStatus::PendingVerification);
    waiting.held = Some((Channel::Parent, held.clone()));
    for new in [waiting, child("rejected", TenantStatus::Rejected)] {
        assert_eq!(admit(&store, &new, &Gate::default()).await, Admission::Added);
    }
    let counted = async |of: Option<TenantId>| {
        let (counts, depth) = directory.counts(of).await.unwrap();
        (counts.total, counts.roots, counts.siblings, counts.waiting, depth)
    };
    assert_eq!(counted(Some(parent)).await, (2, 1, 1, 1, 2));
    assert_eq!(counted(None).await, (2, 1, 1, 1, 1));

    let mut tx = store.platform(OPERATOR).await.unwrap();
    let listed = tx.held_registrations().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].tenant.slug.as_str(), &listed[0].held), ("waiting", &held));
    assert_eq!(listed[0].channel, Channel::Parent);
    tx.settle_registration(listed[0].tenant.id).await.unwrap();
    assert!(tx.held_registrations().await.unwrap().is_empty());
    tx.commit().await.unwrap();
}
