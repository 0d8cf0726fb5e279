//! `oid4vci-1_0-issuer-…-client-attestation-…`: wallets that somebody vouches for, at the first endpoint that they reach

use chancery_tests::Acme;
use chancery_tests::Answer;
use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::Token;
use chancery_tests::people::wallet::{Asking, credentials, request_for};
use chancery_tests::{now, unique};
use serde_json::json;

use super::{offer_by, variants, verified};
use crate::wallet::token::attested::{CLIENT, Provider, attested, proof, trusting};

struct Vouched {
    acme: Acme,
    provider: Provider,
    key: Key,
}

impl Vouched {
    async fn start() -> Self {
        let provider = Provider::new();
        let acme = trusting(&provider).await;
        acme.choose(&json!({ "profile": "haip" })).await.is(200);
        Self { acme, provider, key: Key::p256() }
    }

    /// Pushes a request with these two.
    async fn push(&self, attestation: &str, proof: &str) -> Answer {
        let asking = Asking::scope("employee-badge").with("client_id", CLIENT).with("x", &unique("x"));
        Answer::to(attested(self.acme.wallet().post("/par").form(&asking.form), attestation, proof)).await
    }

    async fn proof(&self) -> String {
        proof(&self.acme, &self.key).await.sign(&self.key)
    }
}

#[tokio::test]
async fn happy_flow() {
    let vouched = Vouched::start().await;
    let (acme, dpop, holders) = (&vouched.acme, Key::p256(), Key::some(1));
    let attestation = vouched.provider.attest(&vouched.key, |_, _| ());
    let wallet = acme.wallet();
    for variant in variants().filter(|variant| variant.by_issuer && !variant.encrypted) {
        let offer = offer_by(acme, variant, "authorization_code").await;
        let asking = Asking::scope(variant.configuration_id).with("client_id", CLIENT);
        let asking = asking.with("issuer_state", &wallet.issuer_state(&offer).await);
        let pushed = attested(wallet.post("/par").form(&asking.form), &attestation, &vouched.proof().await);
        let request_uri = text(&Answer::to(pushed).await.is(201).json()["request_uri"]);
        let page = acme.holder().visit(&[("client_id", CLIENT), ("request_uri", &request_uri)]).await;
        let told = acme.holder().consent(&page).await;
        let form = asking.redemption(&told["code"]);
        let form: Vec<_> = form.into_iter().filter(|(name, _)| *name != "client_id").collect();
        let request = attested(wallet.post("/token").form(&form), &attestation, &vouched.proof().await);
        let proof = wallet.dpop(&dpop, "/token").await.sign(&dpop);
        let token = Token::read(Answer::to(request.header("DPoP", proof)).await);
        let proofs = wallet.proofs(&holders, &wallet.nonce().await);
        let proof = wallet.dpop_with(&dpop, &token).await.sign(&dpop);
        let body = request_for(variant.configuration_id, &proofs);
        let answer = wallet.request_bound(&token, &proof, &body).await.granted();
        let seen = verified(acme, variant, &credentials(&answer), &holders).await;
        assert_eq!(seen[0].said, "Erika", "{variant:?}");
    }
}

/// Every refusal of the six modules is one that they accept.
#[track_caller]
fn is_refused(answer: &Answer) {
    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
    let named = ["invalid_client", "invalid_request", "invalid_client_attestation"];
    assert!(matches!(answer.status, 400 | 401) && named.contains(&error.as_str()), "{answer}");
}

#[tokio::test]
async fn fail_invalid_client_attestation_signature() {
    let vouched = Vouched::start().await;
    let attestation = vouched.provider.attest(&vouched.key, |_, _| ());
    let (signed, _) = attestation.rsplit_once('.').unwrap();
    let (_, of_another) = proof(&vouched.acme, &vouched.key)
        .await
        .sign(&Key::p256())
        .rsplit_once('.')
        .map(|(message, signature)| (message.to_owned(), signature.to_owned()))
        .unwrap();
    is_refused(&vouched.push(&format!("{signed}.{of_another}"), &vouched.proof().await).await);
    vouched.push(&attestation, &vouched.proof().await).await.is(201);
}

#[tokio::test]
async fn fail_invalid_client_attestation_pop_signature() {
    let vouched = Vouched::start().await;
    let attestation = vouched.provider.attest(&vouched.key, |_, _| ());
    let forged = proof(&vouched.acme, &vouched.key).await.sign(&Key::p256());
    is_refused(&vouched.push(&attestation, &forged).await);
}

#[tokio::test]
async fn fail_client_attestation_exp_in_the_past() {
    let vouched = Vouched::start().await;
    let expired = vouched.provider.attest(&vouched.key, |_, claims| claims["exp"] = json!(now() - 300));
    is_refused(&vouched.push(&expired, &vouched.proof().await).await);
}

#[tokio::test]
async fn fail_client_attestation_without_sub() {
    let vouched = Vouched::start().await;
    let nameless = vouched
        .provider
        .attest(&vouched.key, |_, claims| drop(claims.as_object_mut().unwrap().remove("sub")));
    is_refused(&vouched.push(&nameless, &vouched.proof().await).await);
}

#[tokio::test]
async fn fail_client_attestation_pop_wrong_aud() {
    let vouched = Vouched::start().await;
    let attestation = vouched.provider.attest(&vouched.key, |_, _| ());
    let elsewhere = proof(&vouched.acme, &vouched.key).await.claim("aud", "https://elsewhere.example");
    is_refused(&vouched.push(&attestation, &elsewhere.sign(&vouched.key)).await);
}

#[tokio::test]
async fn fail_client_attestation_pop_key_mismatch() {
    let vouched = Vouched::start().await;
    let of_another_key = vouched.provider.attest(&Key::p256(), |_, _| ());
    is_refused(&vouched.push(&of_another_key, &vouched.proof().await).await);
}
