//! `POST /nonce` (OpenID4VCI §7)

use std::collections::BTreeSet;

use chancery_tests::jose::Key;
use chancery_tests::people::badge;
use chancery_tests::{Answer, acme};

#[tokio::test]
async fn a_nonce_costs_nothing_and_never_repeats() {
    let wallet = acme().wallet();
    let mut nonces = BTreeSet::new();
    for _ in 0..50 {
        let answer = wallet.ask_for_nonce().await;
        let dpop_nonce = answer.header("dpop-nonce").unwrap().to_owned();
        let body = answer.granted();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        assert!(nonces.insert(body["c_nonce"].as_str().unwrap().to_owned()));
        assert!(nonces.insert(dpop_nonce), "one kind of nonce is not the other");
    }
}

#[tokio::test]
async fn a_nonce_is_given_whatever_comes_with_the_request() {
    let wallet = acme().wallet();
    for request in [
        wallet.post("/nonce").body("{"),
        wallet.post("/nonce").bearer_auth("nonsense"),
        wallet.post("/nonce?access_token=x").header("content-type", "application/json").body("[]"),
    ] {
        Answer::to(request).await.granted();
    }
}

#[tokio::test]
async fn a_nonce_serves_once() {
    let acme = acme();
    let wallet = acme.wallet();
    let nonce = wallet.nonce().await;
    let first = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let second = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    wallet.request_badge(&first, &wallet.proofs(&Key::some(1), &nonce)).await.granted();
    let again = wallet.request_badge(&second, &wallet.proofs(&Key::some(1), &nonce)).await;
    again.refused(400, "invalid_nonce");
    // The wallet does what the answer asks of it, and gets its credential.
    let fresh = wallet.nonce().await;
    wallet.request_badge(&second, &wallet.proofs(&Key::some(1), &fresh)).await.granted();
}

#[tokio::test]
async fn a_nonce_that_was_refused_with_its_request_is_not_used_up() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let nonce = wallet.nonce().await;
    let keys = Key::some(1);
    let wrong = wallet.proof(&keys[0], &nonce).claim("aud", "https://elsewhere.example").sign(&keys[0]);
    wallet.request_badge(&token, &[wrong]).await.refused(400, "invalid_proof");
    wallet.request_badge(&token, &wallet.proofs(&keys, &nonce)).await.granted();
}
