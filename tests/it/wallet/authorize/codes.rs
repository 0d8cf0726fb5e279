//! `POST /token` with an authorization code (RFC 6749 §4.1.3, RFC 7636, RFC 9449 §10)

use chancery_tests::jose::Key;
use chancery_tests::people::wallet::Asking;
use chancery_tests::people::{Token, badge};
use chancery_tests::{Answer, acme, together};

use super::consented;

#[tokio::test]
async fn a_code_is_good_for_who_it_was_made_for() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(consented(badge())).await;
    let (asking, code) = wallet.consented(&offer, &Asking::scope("employee-badge")).await;
    let good = asking.redemption(&code);
    let long = "v".repeat(129);
    for (name, value, error) in [
        ("code", "", "invalid_request"),
        ("code", "unheard-of", "invalid_grant"),
        ("code", &code[1..], "invalid_grant"),
        ("client_id", "", "invalid_request"),
        ("client_id", "another", "invalid_grant"),
        ("redirect_uri", "", "invalid_request"),
        ("redirect_uri", "https://wallet.example/cb", "invalid_grant"),
        ("redirect_uri", "https://wallet.example/cb?mine=1&", "invalid_grant"),
        ("code_verifier", "", "invalid_grant"),
        ("code_verifier", "wrong-but-long-enough-to-be-a-verifier-of-somebody", "invalid_grant"),
        ("code_verifier", &long, "invalid_grant"),
    ] {
        let changed = good.iter().filter(|(known, _)| *known != name).copied();
        let form: Vec<_> = changed.chain((!value.is_empty()).then_some((name, value))).collect();
        wallet.token(&form).await.refused(400, error);
    }
    // None of that used the code up.
    wallet.token(&good).await.granted();
}

#[tokio::test]
async fn a_code_that_comes_twice_takes_its_tokens_along() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(consented(badge())).await;
    let (asking, code) = wallet.consented(&offer, &Asking::scope("employee-badge")).await;
    let token = Token::read(wallet.token(&asking.redemption(&code)).await);
    wallet.token(&asking.redemption(&code)).await.refused(400, "invalid_grant");
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    wallet.request_badge(&token, &proofs).await.challenged(401, "Bearer", "invalid_token");
    assert_eq!(acme.issuer().state(&offer).await, "failed");
    wallet.token(&asking.redemption(&code)).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn of_many_redemptions_at_once_one_succeeds() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(consented(badge())).await;
    let (asking, code) = wallet.consented(&offer, &Asking::scope("employee-badge")).await;
    let answers = together((0..12).map(|_| {
        let (wallet, asking, code) = (wallet.clone(), asking.clone(), code.clone());
        async move { wallet.token(&asking.redemption(&code)).await.status }
    }))
    .await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn an_offer_is_redeemed_by_one_of_its_codes() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(consented(badge())).await;
    let (first, code) = wallet.consented(&offer, &Asking::scope("employee-badge")).await;
    let (second, later) = wallet.consented(&offer, &Asking::scope("employee-badge")).await;
    let token = Token::read(wallet.token(&second.redemption(&later)).await);
    wallet.token(&first.redemption(&code)).await.refused(400, "invalid_grant");
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    wallet.request_badge(&token, &proofs).await.granted();
}

#[tokio::test]
async fn a_code_that_is_bound_to_a_key_needs_its_proof() {
    let acme = acme();
    let wallet = acme.wallet();
    let (key, other) = (Key::p256(), Key::p256());
    let offer = acme.issuer().offer(consented(badge())).await;
    let bound = Asking::scope("employee-badge").with("dpop_jkt", &key.thumbprint());
    let (asking, code) = wallet.consented(&offer, &bound).await;
    let form = asking.redemption(&code);
    wallet.token(&form).await.refused(400, "invalid_grant");
    let redeem = async |key: &Key| {
        let proof = wallet.dpop(key, "/token").await.sign(key);
        Answer::to(wallet.token_request(&form).header("DPoP", proof)).await
    };
    redeem(&other).await.refused(400, "invalid_grant");
    let token = Token::read(redeem(&key).await);
    assert_eq!(token.answer["token_type"], "DPoP");
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    wallet.request_badge(&token, &proofs).await.refused(401, "invalid_token");
    let proof = wallet.dpop_with(&other, &token).await.sign(&other);
    let body = chancery_tests::people::wallet::badge_request(&proofs);
    wallet.request_bound(&token, &proof, &body).await.refused(401, "invalid_dpop_proof");
}
