//! Every kind of JWS that is taken from outside, disfigured: none is accepted, and nobody is asked for its sake

use chancery_tests::hostile::forms;
use chancery_tests::jose::{self, Jwt, Key};
use chancery_tests::people::registered::with;
use chancery_tests::people::wallet::{GRANT, badge_request};
use chancery_tests::people::{Token, badge};
use chancery_tests::{Acme, Answer, House, Receiver, now};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::wallet::credential::attested_keys::Attester;
use crate::wallet::token::attested::{CLIENT, Provider, attested, proof};

/// A house whose every question to the outside is counted, and somebody who waits for one.
struct Watched {
    _house: House,
    acme: Acme,
    lure: Receiver,
}

impl Watched {
    async fn start() -> Self {
        let house = House::start();
        let (acme, lure) = (house.acme(), Receiver::start().await);
        Self { _house: house, acme, lure }
    }

    /// Asserts that `ask` is granted with the right form, asked last, and with no other; and that nothing outside was
    /// asked meanwhile.
    async fn refuses_all_but_the_right_one(
        &self,
        (jwt, key): (&Jwt, &Key),
        demanded: bool,
        ask: impl AsyncFn(&str) -> Answer,
    ) {
        let mut tried = 0;
        for (what, form) in forms(jwt, key, &self.lure, demanded) {
            // What no header can hold is never sent in one.
            if HeaderValue::from_str(&form).is_err() {
                continue;
            }
            let answer = ask(&form).await;
            assert!((400..500).contains(&answer.status), "{what}: {answer}");
            tried += 1;
        }
        assert!(tried >= 60, "only {tried} forms");
        assert_eq!(self.lure.count(), 0, "somebody followed");
        assert_eq!(self.asked_outside().await, 0);
        let answer = ask(&jwt.sign(key)).await;
        assert!(answer.status < 300, "the right one must pass, or the rest proves nothing: {answer}");
    }

    async fn asked_outside(&self) -> usize {
        let metrics = self.acme.stranger().get("/metrics").await.is(200);
        metrics.text().lines().filter(|line| line.starts_with("chancery_egress_requests_total")).count()
    }

    async fn code(&self) -> String {
        self.acme.wallet().code(&self.acme.issuer().offer(badge()).await).await
    }

    async fn token(&self) -> Token {
        self.acme.wallet().redeem(&self.acme.issuer().offer(badge()).await).await
    }
}

/// The key of somebody whom Python made.
fn key_of(provider: &Value) -> Key {
    Key::of_jwk(&provider["key"])
}

#[tokio::test]
async fn disfigured_dpop_and_key_proofs_are_refused() {
    let watched = Watched::start().await;
    let (wallet, key) = (watched.acme.wallet(), Key::p256());
    let code = watched.code().await;
    let dpop = wallet.dpop(&key, "/token").await;
    let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
    let ask = async |proof: &str| Answer::to(wallet.token_request(&form).header("DPoP", proof)).await;
    watched.refuses_all_but_the_right_one((&dpop, &key), true, ask).await;

    let token = watched.token().await;
    let proof = wallet.proof(&key, &wallet.nonce().await);
    let ask = async |proof: &str| wallet.request(&token, &badge_request(&[proof.to_owned()])).await;
    watched.refuses_all_but_the_right_one((&proof, &key), true, ask).await;
}

#[tokio::test]
async fn disfigured_client_assertions_are_refused() {
    let watched = Watched::start().await;
    let client = watched.acme.registered().await;
    let code = watched.code().await;
    let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
    let ask = async |assertion: &str| {
        Answer::to(watched.acme.wallet().token_request(&with(&form, assertion))).await
    };
    watched.refuses_all_but_the_right_one((&client.assertion(), &client.key), false, ask).await;
}

#[tokio::test]
async fn disfigured_attestations_of_wallets_and_their_proofs_are_refused() {
    let watched = Watched::start().await;
    let (provider, key) = (Provider::new(), Key::p256());
    let acme = &watched.acme;
    acme.choose(&json!({ "wallet_providers": provider.0["anchor"] })).await.is(200);
    let by_provider = key_of(&provider.0);
    let mut claims = json!({ "sub": CLIENT, "exp": now() + 3600, "iat": now(), "cnf": { "jwk": key.jwk() } });
    let header = json!({ "alg": "ES256", "typ": "oauth-client-attestation+jwt", "x5c": provider.0["x5c"] });
    let attestation = Jwt { header: header.clone(), claims: claims.clone() };
    let code = watched.code().await;
    let ask = async |attestation: &str| {
        let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
        let proof = proof(acme, &key).await.sign(&key);
        Answer::to(attested(acme.wallet().token_request(&form), attestation, &proof)).await
    };
    watched.refuses_all_but_the_right_one((&attestation, &by_provider), true, ask).await;

    let (code, good) = (watched.code().await, attestation.sign(&by_provider));
    let ask = async |proof: &str| {
        let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
        Answer::to(attested(acme.wallet().token_request(&form), &good, proof)).await
    };
    watched.refuses_all_but_the_right_one((&proof(acme, &key).await, &key), true, ask).await;

    // What names a list is asked for by nobody whose word does not count.
    claims["status"] = json!({ "status_list": { "idx": 0, "uri": watched.lure.url() } });
    let stranger = Jwt { header, claims }.sign(&Key::p256());
    let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
    let proof = proof(acme, &key).await.sign(&key);
    let answer = Answer::to(attested(acme.wallet().token_request(&form), &stranger, &proof)).await;
    answer.refused(401, "invalid_client");
    assert_eq!((watched.lure.count(), watched.asked_outside().await), (0, 0));
}

#[tokio::test]
async fn disfigured_attestations_of_keys_are_refused() {
    let watched = Watched::start().await;
    let attester = Attester::new();
    let chosen = json!({
        "key_attesters": attester.0["anchor"], "key_attestations_required": { "employee-badge": {} },
    });
    watched.acme.choose(&chosen).await.is(200);
    let (wallet, token, key) = (watched.acme.wallet(), watched.token().await, Key::p256());
    let nonce = wallet.nonce().await;
    let attestation = Jwt {
        header: json!({ "alg": "ES256", "typ": "key-attestation+jwt", "x5c": attester.0["x5c"] }),
        claims: json!({
            "iat": now(), "exp": now() + 3600, "nonce": nonce, "attested_keys": [key.jwk()],
            "key_storage": ["iso_18045_high"],
        }),
    };
    let ask = async |attestation: &str| {
        let proof = wallet.proof(&key, &nonce).header("key_attestation", attestation);
        wallet.request(&token, &badge_request(&[proof.sign(&key)])).await
    };
    watched.refuses_all_but_the_right_one((&attestation, &key_of(&attester.0)), true, ask).await;
}

/// The key is the issuer's own, so that what is disfigured is somebody else's work, or a genuine token's.
#[tokio::test]
async fn disfigured_tokens_of_clients_are_refused() {
    let watched = Watched::start().await;
    let issuer = watched.acme.issuer();
    let token = issuer.client(&["auditor"]).await.token().await;
    let (header, claims) = jose::read(&token);
    let own = Key::p256();
    let ask = async |token: &str| watched.acme.holder_of(token).get("/offers").await;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (encoded_header, encoded_claims) = signed.split_once('.').unwrap();
    let genuine = [
        format!("{token}=="),
        format!("{token}."),
        format!(".{token}"),
        signed.to_owned(),
        format!("{signed}."),
        format!("{token}.{signature}"),
        format!("{encoded_header}..{signature}"),
        format!("{encoded_claims}.{encoded_header}.{signature}"),
        format!("{encoded_header}.{}.{signature}", jose::base64url("{}")),
        format!("{signed}.{}", jose::base64url([0; 64])),
    ];
    let forged = forms(&Jwt { header, claims }, &own, &watched.lure, true).into_iter().map(|(_, form)| form);
    for form in forged.chain(genuine).filter(|form| HeaderValue::from_str(form).is_ok()) {
        let answer = ask(&form).await;
        assert_eq!(answer.status, 401, "{form}: {answer}");
    }
    assert_eq!((watched.lure.count(), watched.asked_outside().await), (0, 0));
    ask(&token).await.is(200);
}
