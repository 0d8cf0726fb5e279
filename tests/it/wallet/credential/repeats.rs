//! The same credential again, with the token that it was issued for (OpenID4VCI §8)

use std::collections::BTreeSet;

use chancery_tests::jose::Key;
use chancery_tests::people::wallet::{badge_request, credentials, request_for};
use chancery_tests::people::{Token, badge, diploma};
use chancery_tests::{Acme, Answer, House, acme, platform, together};
use serde_json::json;

/// Asks for a badge with a bound token, a fresh key and a fresh nonce.
async fn ask(acme: &Acme, key: &Key, token: &Token) -> Answer {
    let wallet = acme.wallet();
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let proof = wallet.dpop_with(key, token).await.sign(key);
    wallet.request_bound(token, &proof, &badge_request(&proofs)).await
}

/// A tenant whose wallets may come again that often.
async fn repeating(times: u8) -> Acme {
    let tenant = platform().newcomer().await;
    tenant.choose(&json!({ "credential_repeats": times })).await.is(200);
    tenant
}

#[tokio::test]
async fn a_wallet_has_a_credential_again_with_a_status_of_its_own() {
    let (acme, key) = (repeating(2).await, Key::p256());
    let offer = acme.issuer().offer(badge()).await;
    let token = acme.wallet().redeem_bound(&offer, &key).await;
    let mut places = BTreeSet::new();
    for _ in 0..3 {
        let issued = credentials(&ask(&acme, &key, &token).await.granted());
        let read = acme.verifier().verify(&issued[0]).await;
        assert_eq!(read.claims["given_name"], "Ada");
        places.insert(read.claims["status"]["status_list"]["idx"].as_u64().unwrap());
        assert_eq!(acme.issuer().state(&offer).await, "issued");
    }
    assert_eq!(places.len(), 3, "each has an index of its own");
    assert_eq!(acme.issuer().issued(&offer).await.len(), 3, "and is one of the issuer's records");
    let told = ask(&acme, &key, &token).await.refused(400, "credential_request_denied");
    assert!(told.text().contains("as often as this token allows"), "{told}");
    assert_eq!(acme.issuer().issued(&offer).await.len(), 3);
}

#[tokio::test]
async fn what_anybody_could_use_who_found_it_is_used_once() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(badge()).await;
    let token = wallet.redeem(&offer).await;
    let asked = async || {
        let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
        wallet.request_badge(&token, &proofs).await
    };
    asked().await.granted();
    asked().await.refused(400, "credential_request_denied");
}

#[tokio::test]
async fn an_issuer_who_chooses_so_issues_once() {
    let (acme, key) = (repeating(5).await, Key::p256());
    let token = acme.wallet().redeem_bound(&acme.issuer().offer(badge()).await, &key).await;
    ask(&acme, &key, &token).await.granted();
    ask(&acme, &key, &token).await.granted();
    acme.choose(&json!({ "credential_repeats": 0 })).await.is(200);
    ask(&acme, &key, &token).await.refused(400, "credential_request_denied");
    for times in [json!(21), json!(-1), json!("2")] {
        acme.choose(&json!({ "credential_repeats": times })).await.problem(422, "invalid");
    }
}

#[tokio::test]
async fn each_time_needs_a_nonce_of_its_own() {
    let (acme, key) = (acme(), Key::p256());
    let wallet = acme.wallet();
    let token = wallet.redeem_bound(&acme.issuer().offer(badge()).await, &key).await;
    let request = badge_request(&wallet.proofs(&Key::some(1), &wallet.nonce().await));
    let ask = async || {
        let proof = wallet.dpop_with(&key, &token).await.sign(&key);
        wallet.request_bound(&token, &proof, &request).await
    };
    ask().await.granted();
    ask().await.refused(400, "invalid_nonce");
}

#[tokio::test]
async fn of_many_requests_at_once_as_many_are_granted_as_are_allowed() {
    let acme = repeating(2).await;
    let (wallet, key) = (acme.wallet(), Key::p256());
    let offer = acme.issuer().offer(badge().and(&diploma())).await;
    let token = wallet.redeem_bound(&offer, &key).await;
    let mut ready = Vec::new();
    for id in ["employee-badge", "university-diploma"].repeat(6) {
        let request = request_for(id, &wallet.proofs(&Key::some(1), &wallet.nonce().await));
        let proof = wallet.dpop_with(&key, &token).await.sign(&key);
        ready.push((wallet.clone(), token.clone(), proof, request));
    }
    let answers = together(ready.into_iter().map(|(wallet, token, proof, request)| async move {
        wallet.request_bound(&token, &proof, &request).await
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 6, "three of each");
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.refused(400, "credential_request_denied");
    }
    assert_eq!(acme.issuer().issued(&offer).await.len(), 6);
}

#[tokio::test]
async fn what_the_issuer_took_back_is_not_issued_again() {
    let (acme, key) = (repeating(5).await, Key::p256());
    let issuer = acme.issuer();
    let begun = async || {
        let offer = issuer.offer(badge()).await;
        let token = acme.wallet().redeem_bound(&offer, &key).await;
        ask(&acme, &key, &token).await.granted();
        (offer, token)
    };
    let (offer, token) = begun().await;
    let credential = issuer.issued(&offer).await.remove(0);
    issuer.change(&credential, "suspend").await.is(200);
    let told = ask(&acme, &key, &token).await.refused(400, "credential_request_denied");
    assert!(told.text().contains("suspended"), "{told}");
    issuer.change(&credential, "reinstate").await.is(200);
    ask(&acme, &key, &token).await.granted();
    issuer.change(&credential, "revoke").await.is(200);
    ask(&acme, &key, &token).await.refused(400, "credential_request_denied");

    // Withdrawing comes too late for what was issued, but not for what would be.
    let (offer, token) = begun().await;
    issuer.delete(&format!("/offers/{}", offer.id)).await.problem(409, "wrong-state");
    ask(&acme, &key, &token).await.refused(400, "credential_request_denied");
    assert_eq!(issuer.state(&offer).await, "issued");
}

#[tokio::test]
async fn what_was_counted_stays_counted_in_a_house_that_was_killed() {
    let mut house = House::start();
    let (acme, key) = (house.acme(), Key::p256());
    acme.choose(&json!({ "credential_repeats": 1 })).await.is(200);
    let token = acme.wallet().redeem_bound(&acme.issuer().offer(badge()).await, &key).await;
    ask(&acme, &key, &token).await.granted();
    house.kill();
    house.start_again();
    let acme = house.acme();
    ask(&acme, &key, &token).await.granted();
    house.kill();
    house.start_again();
    ask(&house.acme(), &key, &token).await.refused(400, "credential_request_denied");
}
