//! Keys, templates, API keys and repeated answers.

use chancery_domain::ApiKeyId;
use chancery_domain::scope::Scope;
use chancery_store::{By, Chore, KeyState, NewApiKey, Store, StoredAnswer, StoredKey, TenantSecrets};
use time::Duration;

use crate::database::Database;
use crate::support::*;

#[tokio::test]
async fn an_api_key_opens_until_it_is_revoked() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let id = "key_00000000000070008000000000000001".parse().unwrap();
    let scopes = vec![Scope::Offer, Scope::Auditor];
    let key =
        NewApiKey { id, hash: digest(), name: "ci".to_owned(), scopes: scopes.clone(), created_at: NOW };
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.create_api_key(&key).await.unwrap();
    let found = tx.api_key(&key.hash).await.unwrap().unwrap();
    assert_eq!((found.id, found.name.as_str(), &found.scopes), (id, "ci", &scopes));
    assert_eq!(tx.api_key(&digest()).await.unwrap(), None);
    assert!(tx.revoke_api_key(id, NOW).await.unwrap());
    assert!(!tx.revoke_api_key(id, NOW).await.unwrap());
    assert_eq!(tx.api_key(&key.hash).await.unwrap(), None);
    assert_eq!(tx.api_keys().await.unwrap()[0].revoked_at, Some(NOW));
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_revoked_key_makes_no_offer_however_recently_it_was_good() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let id = ApiKeyId::new(NOW, [1; 10]);
    let key = NewApiKey {
        id,
        hash: digest(),
        name: "portal".to_owned(),
        scopes: vec![Scope::Offer],
        created_at: NOW,
    };
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.create_api_key(&key).await.unwrap();
    let before = new_offer_by(Some(id));
    assert!(tx.create_offer(&before).await.unwrap());
    assert!(tx.revoke_api_key(id, NOW).await.unwrap());
    let after = new_offer_by(Some(id));
    let strangers = new_offer_by(Some(ApiKeyId::new(NOW, [2; 10])));
    for refused in [&after, &strangers] {
        assert!(!tx.create_offer(refused).await.unwrap());
        assert_eq!(tx.offer(refused.id).await.unwrap(), None);
    }
    assert!(tx.offer(before.id).await.unwrap().is_some());
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equal_requests_at_the_same_time_one_keeps_its_answer() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let key = digest();
    let racing: Vec<_> = (0..10u8)
        .map(|turn| {
            let store = store.clone();
            tokio::spawn(async move {
                let answer = StoredAnswer { request_hash: [9; 32], sealed_answer: vec![turn] };
                let mut tx = store.tenant(tenant).await.unwrap();
                let kept = tx.remember_answer(&key, &answer, NOW, NOW + Duration::HOUR).await.unwrap();
                tx.commit().await.unwrap();
                kept.then_some(answer)
            })
        })
        .collect();
    let mut kept = Vec::new();
    for attempt in racing {
        kept.extend(attempt.await.unwrap());
    }
    assert_eq!(kept.len(), 1);
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.recall_answer(&key, NOW).await.unwrap(), Some(kept.remove(0)));
    let later = NOW + Duration::HOUR;
    assert_eq!(tx.recall_answer(&key, later).await.unwrap(), None);
    let renewed = StoredAnswer { request_hash: [8; 32], sealed_answer: vec![] };
    assert!(tx.remember_answer(&key, &renewed, later, later + Duration::HOUR).await.unwrap());
    assert_eq!(tx.recall_answer(&key, later).await.unwrap(), Some(renewed));
}

#[tokio::test]
async fn one_version_of_a_key_is_active_and_the_others_stay_published() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(!tx.add_signing_key(&key(1, KeyState::Active)).await.unwrap());
    assert!(tx.add_signing_key(&key(2, KeyState::Next)).await.unwrap());
    tx.supersede_signing_keys("credential", 2, NOW, NOW).await.unwrap();
    let states: Vec<_> =
        tx.signing_keys().await.unwrap().iter().map(|key| (key.version, key.state)).collect();
    assert_eq!(states, [(2, KeyState::Active), (1, KeyState::Retiring)]);
    let retiring = StoredKey { retire_at: Some(NOW), ..key(1, KeyState::Retiring) };
    assert_eq!(tx.signing_keys().await.unwrap()[1], retiring);

    let read = tx.secrets().await.unwrap().unwrap();
    assert_eq!(read.sealed_seed, vec![1; 60]);
    let secrets = TenantSecrets { sealed_seed: vec![3], sealed_data_key: vec![4], root: Some([5; 16]) };
    assert!(tx.replace_secrets(&read, &secrets).await.unwrap());
    assert!(!tx.replace_secrets(&read, &secrets).await.unwrap(), "they are not those that were read");
    let now = tx.secrets().await.unwrap().unwrap();
    assert_eq!((now.sealed_data_key, now.root), (vec![4], Some([5; 16])));
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_key_retires_when_the_last_credential_that_it_signed_is_over() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    issued(&store, tenant).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    let over = tx.last_expiry().await.unwrap().unwrap();
    assert!(over > NOW + Duration::DAY);
    let next = StoredKey { not_before: Some(NOW + Duration::HOUR), ..key(2, KeyState::Next) };
    assert!(tx.publish_next_key(&next, NOW).await.unwrap());
    tx.commit().await.unwrap();

    // What happens when a job comes by at that time: which states the keys have, and when it comes again.
    let at = async |now| {
        let mut tx = store.tenant(tenant).await.unwrap();
        tx.turn_keys(now, now + Duration::DAY).await.unwrap();
        let states: Vec<_> = tx.signing_keys().await.unwrap().iter().map(|key| key.state).collect();
        tx.commit().await.unwrap();
        let mut platform = store.platform(By::Job("turn keys")).await.unwrap();
        let due = async |platform: &mut chancery_store::PlatformTx, at| {
            !platform.due(Chore::TurnKeys, at, 10).await.unwrap().is_empty()
        };
        let comes_again = due(&mut platform, now + 20 * 365 * Duration::DAY).await;
        let too_early = due(&mut platform, now).await;
        platform.commit().await.unwrap();
        assert!(!too_early, "there is nothing to do at {now} any more");
        (states, comes_again)
    };
    let moment = Duration::SECOND;
    let (next, active) = (KeyState::Next, KeyState::Active);
    assert_eq!(at(NOW + Duration::HOUR - moment).await, (vec![next, active], true));
    assert_eq!(at(NOW + Duration::HOUR).await, (vec![active, KeyState::Retiring], true));
    assert_eq!(at(over - moment).await, (vec![active, KeyState::Retiring], true));
    assert_eq!(at(over).await, (vec![active, KeyState::Retired], false));
    assert_eq!(at(over + 365 * Duration::DAY).await, (vec![active, KeyState::Retired], false), "for good");
}

#[tokio::test]
async fn the_deployment_is_founded_once_and_notices_a_restore() {
    let database = Database::fresh().await;
    let store = database.store().await;
    assert_eq!(Store::founding_key(&database.admin_url).await.unwrap(), None);
    let mut platform = store.platform(By::Operator).await.unwrap();
    assert_eq!(platform.deployment().await.unwrap(), None);
    assert!(platform.found_deployment([1; 16], 0).await.unwrap());
    assert!(!platform.found_deployment([2; 16], 5).await.unwrap());
    let deployment = platform.deployment().await.unwrap().unwrap();
    assert_eq!((deployment.key_check, deployment.restore_epoch, deployment.restored), ([1; 16], 0, false));
    platform.commit().await.unwrap();
    assert_eq!(Store::founding_key(&database.admin_url).await.unwrap(), Some([1; 16]));
    let unmigrated = Database::empty().await;
    assert_eq!(Store::founding_key(&unmigrated.admin_url).await.unwrap(), None);

    // As if the row came from a backup of another cluster.
    crate::database::run(&mut database.admin().await, "update deployment set system_identifier = 1").await;
    let mut platform = store.platform(By::Operator).await.unwrap();
    assert!(platform.deployment().await.unwrap().unwrap().restored);
    platform.begin_restore_epoch(uuid::Uuid::from_u128(1)).await.unwrap();
    let deployment = platform.deployment().await.unwrap().unwrap();
    assert_eq!((deployment.restore_epoch, deployment.restored), (1, false));
}
