//! Clients, what ends their tokens, invitations, and the last operator.

use chancery_domain::ApiKeyId;
use chancery_domain::scope::Scope;
use chancery_domain::tenant::TenantStatus;
use chancery_store::{ClientTerms, NewApiKey, NewOffer, Page, Principal};
use time::Duration;

use crate::database::Database;
use crate::support::*;

#[tokio::test]
async fn a_secret_is_good_until_it_was_rotated_and_the_overlap_is_over() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let mut tx = store.tenant(issuer(&store, "acme").await).await.unwrap();
    let (id, first, second, third) = (client(1), digest(), digest(), digest());
    tx.create_client(id, &first, &terms()).await.unwrap();
    let found = tx.client_with_secret(id, &first, NOW).await.unwrap().unwrap();
    assert_eq!((found.id, found.version, found.token_epoch), (id, 1, 0));
    assert_eq!(found.terms, terms());
    assert!(tx.client_with_secret(client(2), &first, NOW).await.unwrap().is_none());
    assert!(tx.client_with_secret(id, &second, NOW).await.unwrap().is_none());

    let until = NOW + Duration::HOUR;
    assert_eq!(tx.rotate_client_secret(id, &second, Some(until)).await.unwrap(), 2);
    assert!(tx.client_with_secret(id, &second, until).await.unwrap().is_some());
    assert!(tx.client_with_secret(id, &first, until - Duration::SECOND).await.unwrap().is_some());
    assert!(tx.client_with_secret(id, &first, until).await.unwrap().is_none());
    // Of three secrets, two at most are good; without an overlap one is.
    tx.rotate_client_secret(id, &third, Some(until)).await.unwrap();
    assert!(tx.client_with_secret(id, &first, NOW).await.unwrap().is_none());
    assert!(tx.client_with_secret(id, &second, NOW).await.unwrap().is_some());
    tx.rotate_client_secret(id, &first, None).await.unwrap();
    assert!(tx.client_with_secret(id, &third, NOW).await.unwrap().is_none());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn clients_are_listed_changed_and_removed() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let mut tx = store.tenant(issuer(&store, "acme").await).await.unwrap();
    for number in 1..=3 {
        tx.create_client(client(number), &digest(), &terms()).await.unwrap();
    }
    let (first, next) = tx.clients(&Page { before: None, limit: 2 }).await.unwrap();
    assert_eq!(first.iter().map(|found| found.id).collect::<Vec<_>>(), [client(3), client(2)]);
    let (rest, end) = tx.clients(&Page { before: next, limit: 2 }).await.unwrap();
    assert_eq!((rest[0].id, rest.len(), end), (client(1), 1, None));

    let other = ClientTerms { configuration_ids: None, ..terms() };
    assert_eq!(tx.change_client(client(1), &other).await.unwrap(), 2);
    assert_eq!(tx.client_to_change(client(1)).await.unwrap().unwrap().terms, other);
    assert!(tx.delete_client(client(1)).await.unwrap());
    assert!(!tx.delete_client(client(1)).await.unwrap());
    assert!(tx.client(client(1)).await.unwrap().is_none());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_suspension_ends_tokens_for_good_and_a_removed_client_makes_no_offer() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let by = |token_epoch| {
        let made_by = Some(Principal::Client { id: client(1), token_epoch });
        NewOffer { made_by, ..new_offer() }
    };
    let offer = async |token_epoch| {
        let mut tx = store.tenant(tenant).await.unwrap();
        let made = tx.create_offer(&by(token_epoch)).await.unwrap();
        tx.commit().await.unwrap();
        made
    };
    assert!(!offer(0).await, "there is no such client yet");
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.create_client(client(1), &digest(), &terms()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(offer(0).await);
    assert!(!offer(1).await);
    for status in [TenantStatus::Suspended, TenantStatus::Active] {
        set_status(&store, tenant, status).await;
        assert!(!offer(0).await, "{}", status.as_str());
    }
    assert!(offer(1).await);
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.client(client(1)).await.unwrap().unwrap().token_epoch, 1);
    tx.delete_client(client(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!offer(1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_lets_one_in() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let until = NOW + Duration::HOUR;
    let invitation = invitation(until);
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.invite(&invitation).await.unwrap();
    assert!(tx.accept_invitation(&invitation.hash, until).await.unwrap().is_none(), "it is over");
    tx.commit().await.unwrap();
    let racing: Vec<_> = (0..8)
        .map(|_| {
            let (store, hash) = (store.clone(), invitation.hash);
            tokio::spawn(async move {
                let mut tx = store.tenant(tenant).await.unwrap();
                let accepted = tx.accept_invitation(&hash, NOW).await.unwrap();
                tx.commit().await.unwrap();
                accepted
            })
        })
        .collect();
    let mut accepted = Vec::new();
    for one in racing {
        accepted.extend(one.await.unwrap());
    }
    assert_eq!(accepted, [invitation.id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_operators_who_dismiss_one_another_one_stays() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let id = |number| ApiKeyId::new(NOW, [number; 10]);
    let mut tx = store.tenant(tenant).await.unwrap();
    for number in 1..=6 {
        let scopes = vec![Scope::PlatformAdmin];
        let name = "operator".to_owned();
        tx.create_api_key(&NewApiKey { id: id(number), hash: digest(), name, scopes, created_at: NOW })
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let racing: Vec<_> = (1..=6)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tx = store.tenant(tenant).await.unwrap();
                let revoked = tx.revoke_api_key(id(number), NOW).await.unwrap();
                tx.commit().await.unwrap();
                revoked
            })
        })
        .collect();
    let mut revoked = 0;
    for one in racing {
        revoked += usize::from(one.await.unwrap());
    }
    let mut tx = store.tenant(tenant).await.unwrap();
    let left = tx.api_keys().await.unwrap().iter().filter(|key| key.revoked_at.is_none()).count();
    tx.commit().await.unwrap();
    assert_eq!((revoked, left), (5, 1));
}
