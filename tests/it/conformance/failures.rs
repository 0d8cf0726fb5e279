//! `oid4vci-1_0-issuer-fail-…`: what is refused, with exactly which error

use chancery_tests::jose::{Key, sha256};
use chancery_tests::people::Token;
use chancery_tests::{Answer, unique};
use serde_json::{Value, json};

use super::{PLAIN, Plan, Variant, variants};
use crate::wallet::credential::attested_keys::Attester;
use crate::wallet::credential::encrypted;

/// What a plan has when the credential endpoint is next.
struct Ready {
    plan: Plan,
    token: Token,
    key: Key,
    variant: Variant,
}

impl Ready {
    async fn start(variant: Variant) -> Self {
        let (plan, key) = (Plan::start().await, Key::p256());
        let token = plan.token(&plan.client, variant, &key).await;
        Self { plan, token, key, variant }
    }

    async fn ask(&self, body: &Value) -> Answer {
        self.plan.ask(&self.token, &self.key, body).await
    }

    async fn body(&self) -> Value {
        self.plan.request(self.variant, &Key::some(1)).await
    }

    /// Nothing of all that was refused is missing now.
    async fn nothing_was_used_up(self) {
        self.plan.receive(self.variant, &self.token, &self.key, &Key::some(1)).await;
    }
}

/// Both formats; the rest makes no difference here.
fn formats() -> impl Iterator<Item = Variant> {
    variants().filter(|variant| variant.by_issuer && !variant.encrypted)
}

#[tokio::test]
async fn fail_invalid_nonce() {
    for variant in formats() {
        let ready = Ready::start(variant).await;
        let holder = Key::p256();
        let proof = ready.plan.acme.wallet().proof(&holder, &unique("nonce-")).sign(&holder);
        let mut body = ready.body().await;
        body["proofs"] = json!({ "jwt": [proof] });
        ready.ask(&body).await.refused(400, "invalid_nonce");
        ready.nothing_was_used_up().await;
    }
}

#[tokio::test]
async fn fail_missing_proof() {
    for variant in formats() {
        let ready = Ready::start(variant).await;
        let mut body = ready.body().await;
        body.as_object_mut().unwrap().remove("proofs");
        ready.ask(&body).await.refused(400, "invalid_proof");
        ready.nothing_was_used_up().await;
    }
}

#[tokio::test]
async fn fail_invalid_jwt_proof_signature() {
    for variant in formats() {
        let ready = Ready::start(variant).await;
        let wallet = ready.plan.acme.wallet();
        let (holder, nonce) = (Key::p256(), wallet.nonce().await);
        let mut body = ready.body().await;
        body["proofs"] = json!({ "jwt": [wallet.proof(&holder, &nonce).sign(&Key::p256())] });
        ready.ask(&body).await.refused(400, "invalid_proof");
        ready.nothing_was_used_up().await;
    }
}

#[tokio::test]
async fn fail_invalid_key_attestation_signature() {
    let attester = Attester::new();
    let ready = Ready::start(PLAIN).await;
    let believed = json!({ "profile": "haip", "key_attesters": attester.0["anchor"] });
    ready.plan.acme.choose(&believed).await.is(200);
    let holders = Key::some(1);
    let nonce = ready.plan.acme.wallet().nonce().await;
    let good = attester.attest(&holders, &nonce, |_, _| ());
    // What another one signed, under the certificate of the one who is believed.
    let forged =
        Attester::new().attest(&holders, &nonce, |header, _| header["x5c"] = attester.0["x5c"].clone());
    let mut body = ready.body().await;
    body["proofs"] = json!({ "attestation": [forged] });
    ready.ask(&body).await.refused(400, "invalid_proof");
    body["proofs"] = json!({ "attestation": [good] });
    ready.ask(&body).await.granted();
}

#[tokio::test]
async fn fail_unknown_credential_configuration() {
    let ready = Ready::start(PLAIN).await;
    let mut body = ready.body().await;
    body["credential_configuration_id"] = unique("unknown-").into();
    ready.ask(&body).await.refused(400, "unknown_credential_configuration");
    ready.nothing_was_used_up().await;
}

#[tokio::test]
async fn fail_unknown_credential_identifier() {
    let ready = Ready::start(PLAIN).await;
    let mut body = ready.body().await;
    body.as_object_mut().unwrap().remove("credential_configuration_id");
    body["credential_identifier"] = unique("unknown-").into();
    ready.ask(&body).await.refused(400, "unknown_credential_identifier");
    ready.nothing_was_used_up().await;
}

#[tokio::test]
async fn fail_unsupported_encryption_algorithm() {
    let ready = Ready::start(PLAIN).await;
    let (_, mut public) = encrypted::own_key();
    let theirs = encrypted::advertised(&ready.plan.acme, "request").await;
    let wallet = ready.plan.acme.wallet();
    for (alg, enc) in [("unheard-of", "A128GCM"), ("ECDH-ES", "unheard-of")] {
        public["alg"] = alg.into();
        let mut body = ready.body().await;
        body["credential_response_encryption"] = json!({ "jwk": public, "enc": enc });
        let jwe = encrypted::sealed(&theirs["jwks"]["keys"][0], "A128GCM", false, &body);
        let proof = wallet.dpop(&ready.key, "/credential").await.claim("ath", sha256(&ready.token.text));
        let asked = wallet.post("/credential").header("DPoP", proof.sign(&ready.key)).body(jwe);
        let asked = asked.header("authorization", format!("DPoP {}", ready.token.text));
        let answer = Answer::to(asked.header("content-type", "application/jwt")).await;
        answer.refused(400, "invalid_encryption_parameters");
    }
    ready.nothing_was_used_up().await;
}

#[tokio::test]
async fn fail_on_access_token_in_query() {
    let ready = Ready::start(PLAIN).await;
    let body = ready.body().await;
    let wallet = ready.plan.acme.wallet();
    let proof = wallet.dpop_with(&ready.key, &ready.token).await.sign(&ready.key);
    let asked = wallet.post("/credential").query(&[("access_token", &ready.token.text)]);
    let answer = Answer::to(asked.header("DPoP", proof).json(&body)).await;
    assert!(matches!(answer.status, 400 | 401), "{answer}");
    ready.nothing_was_used_up().await;
}
