//! `POST /notification` (OpenID4VCI §11)

use chancery_tests::answer::text;
use chancery_tests::jose::{self, Key};
use chancery_tests::people::wallet::badge_request;
use chancery_tests::people::{Offer, Token, Wallet, badge};
use chancery_tests::{Acme, Answer, acme};
use serde_json::{Value, json};

/// A wallet that holds a badge, its token, and the id to report by.
async fn holder(acme: &Acme) -> (Wallet, Offer, Token, String) {
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(badge()).await;
    let token = wallet.redeem(&offer).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let answer = wallet.request_badge(&token, &proofs).await.granted();
    let id = text(&answer["notification_id"]);
    (wallet, offer, token, id)
}

async fn report(wallet: &Wallet, token: &Token, body: &Value) -> Answer {
    Answer::to(wallet.post("/notification").bearer_auth(&token.text).json(body)).await
}

fn event(id: &str, event: &str) -> Value {
    json!({ "notification_id": id, "event": event })
}

#[tokio::test]
async fn what_the_wallet_reports_is_seen_by_the_issuer() {
    let acme = acme();
    for (reported, state) in [("credential_accepted", "accepted"), ("credential_failure", "failed")] {
        let (wallet, offer, token, id) = holder(&acme).await;
        assert_eq!(acme.issuer().state(&offer).await, "issued");
        let answer = report(&wallet, &token, &event(&id, reported)).await.is(204);
        assert!(answer.body.is_empty());
        assert_eq!(acme.issuer().state(&offer).await, state);
        report(&wallet, &token, &event(&id, reported)).await.is(204);
        assert_eq!(acme.issuer().state(&offer).await, state);
    }
    let (wallet, _, token, id) = holder(&acme).await;
    report(&wallet, &token, &event(&id, "credential_deleted")).await.is(204);
}

#[tokio::test]
async fn what_the_wallet_adds_is_ignored() {
    let acme = acme();
    let (wallet, _, token, id) = holder(&acme).await;
    let body = json!({
        "notification_id": id, "event": "credential_accepted", "event_description": "done", "x": [1],
    });
    report(&wallet, &token, &body).await.is(204);
}

#[tokio::test]
async fn an_id_serves_only_with_the_token_it_came_with() {
    let acme = acme();
    let (wallet, offer, token, id) = holder(&acme).await;
    let (_, _, other, others_id) = holder(&acme).await;
    let mut changed = id.clone();
    changed.replace_range(0..1, if id.starts_with('A') { "B" } else { "A" });
    for wrong in [others_id.as_str(), changed.as_str(), "", "x", &token.text] {
        let answer = report(&wallet, &token, &event(wrong, "credential_failure")).await;
        answer.refused(400, "invalid_notification_id");
    }
    report(&wallet, &other, &event(&id, "credential_failure")).await.refused(400, "invalid_notification_id");
    assert_eq!(acme.issuer().state(&offer).await, "issued");
}

#[tokio::test]
async fn a_malformed_report_is_refused() {
    let acme = acme();
    let (wallet, _, token, id) = holder(&acme).await;
    for body in [
        json!({}),
        json!([]),
        json!({ "notification_id": id }),
        json!({ "event": "credential_accepted" }),
        event(&id, "credential_lost"),
        json!({ "notification_id": 7, "event": "credential_accepted" }),
        json!({ "notification_id": id, "event": "credential_accepted", "event_description": {} }),
    ] {
        report(&wallet, &token, &body).await.refused(400, "invalid_notification_request");
    }
    let untyped = wallet.post("/notification").bearer_auth(&token.text).body(event(&id, "x").to_string());
    Answer::to(untyped).await.refused(400, "invalid_notification_request");
    let anonymous = wallet.post("/notification").json(&event(&id, "credential_accepted"));
    let answer = Answer::to(anonymous).await.refused(401, "invalid_token");
    assert!(!answer.header("www-authenticate").unwrap().contains("error="), "RFC 6750 §3.1");
}

#[tokio::test]
async fn a_bound_token_reports_with_a_proof_that_serves_once() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(badge()).await;
    let key = Key::p256();
    let token = wallet.redeem_bound(&offer, &key).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let proof = wallet.dpop_with(&key, &token).await.sign(&key);
    let answer = wallet.request_bound(&token, &proof, &badge_request(&proofs)).await.granted();
    let id = text(&answer["notification_id"]);

    let ath = jose::sha256(&token.text);
    let proof = wallet.dpop(&key, "/notification").await.claim("ath", ath).sign(&key);
    let report = |event_name: &str| {
        let request = wallet.post("/notification").header("authorization", format!("DPoP {}", token.text));
        Answer::to(request.header("DPoP", &proof).json(&event(&id, event_name)))
    };
    report("credential_accepted").await.is(204);
    report("credential_failure").await.challenged(401, "DPoP", "invalid_dpop_proof");
    assert_eq!(acme.issuer().state(&offer).await, "accepted");
}
