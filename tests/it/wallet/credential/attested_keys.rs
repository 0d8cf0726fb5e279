//! Keys that somebody vouches for (OpenID4VCI Appendix D). Whoever does is Python's cryptography and jwcrypto

use chancery_tests::answer::text;
use chancery_tests::jose::{Jwt, Key};
use chancery_tests::people::wallet::{badge_request, credentials, request_for};
use chancery_tests::people::{Plugin, Request, Token, Transaction, Wallet, badge};
use chancery_tests::receiver::Reply;
use chancery_tests::{Acme, Answer, Receiver, acme, now, platform};
use reqwest::Method;
use serde_json::{Value, json};

use crate::strangers::python_says;
use crate::wallet::token::attested::Provider;

const BADGE: &str = "employee-badge";

/// Somebody who vouches for keys.
pub(crate) struct Attester(pub(crate) Value);

impl Attester {
    pub(crate) fn new() -> Self {
        Self(python_says("provider.py", &json!({})))
    }

    /// What is vouched for of these keys, changed before it is signed.
    pub(crate) fn attest(
        &self,
        keys: &[Key],
        nonce: &str,
        change: impl FnOnce(&mut Value, &mut Value),
    ) -> String {
        let mut header = json!({ "alg": "ES256", "typ": "key-attestation+jwt", "x5c": self.0["x5c"] });
        let named = |(number, key): (usize, &Key)| {
            let mut jwk = key.jwk();
            jwk["kid"] = format!("key-{number}").into();
            jwk
        };
        let mut claims = json!({
            "iat": now(), "exp": now() + 3600, "nonce": nonce,
            "attested_keys": keys.iter().enumerate().map(named).collect::<Vec<_>>(),
            "key_storage": ["iso_18045_moderate"], "user_authentication": ["iso_18045_high"],
        });
        change(&mut header, &mut claims);
        let signed = json!({ "sign": { "key": self.0["key"], "header": header, "claims": claims } });
        text(&python_says("provider.py", &signed))
    }

    /// A tenant that believes this one alone, and demands so much.
    async fn believed(&self, required: Value) -> Acme {
        let tenant = platform().newcomer().await;
        let chosen = json!({ "key_attesters": self.0["anchor"], "key_attestations_required": required });
        choose(&tenant, chosen).await.is(200);
        tenant
    }
}

async fn choose(tenant: &Acme, chosen: Value) -> Answer {
    let request = tenant.issuer().request(Method::PATCH, "/configuration").header("if-match", "*");
    Answer::to(request.json(&chosen)).await
}

async fn token(acme: &Acme) -> Token {
    acme.wallet().redeem(&acme.issuer().offer(badge()).await).await
}

/// A proof by one key that carries the attestation.
fn proof_with(wallet: &Wallet, key: &Key, nonce: &str, attestation: &str) -> Jwt {
    wallet.proof(key, nonce).header("key_attestation", attestation)
}

fn by_attestation(attestations: &[&str]) -> Value {
    json!({ "credential_configuration_id": BADGE, "proofs": { "attestation": attestations } })
}

async fn proof_types(acme: &Acme, configuration_id: &str) -> Value {
    let url = acme.at("/.well-known/openid-credential-issuer");
    let metadata = Answer::to(acme.http.get(url)).await.is(200).json();
    metadata["credential_configurations_supported"][configuration_id]["proof_types_supported"].clone()
}

#[tokio::test]
async fn metadata_says_what_is_demanded_of_keys_and_what_of_none() {
    assert_eq!(proof_types(&acme(), BADGE).await.as_object().unwrap().keys().collect::<Vec<_>>(), ["jwt"]);
    let levels = json!({ "key_storage": ["iso_18045_moderate"], "user_authentication": ["iso_18045_high"] });
    let acme = Attester::new().believed(json!({ BADGE: levels, "university-diploma": {} })).await;
    let told = proof_types(&acme, BADGE).await;
    for kind in ["jwt", "attestation"] {
        assert_eq!(told[kind]["key_attestations_required"], levels);
        assert_eq!(told[kind]["proof_signing_alg_values_supported"], json!(["ES256", "EdDSA"]));
        let of_any = proof_types(&acme, "university-diploma").await;
        assert_eq!(of_any[kind]["key_attestations_required"], json!({}));
        let of_none = proof_types(&acme, "person-identification-data").await;
        assert!(of_none[kind].is_object() && of_none[kind].get("key_attestations_required").is_none());
    }
    for wrong in [
        json!({ "key_attesters": "no certificate" }),
        json!({ "key_attestations_required": { BADGE: { "key_storage": ["two words"] } } }),
        json!({ "key_attestations_required": { BADGE: { "colour": ["red"] } } }),
        json!({ "key_attestations_required": ["x"] }),
    ] {
        choose(&acme, wrong).await.problem(422, "invalid");
    }
}

#[tokio::test]
async fn one_proof_brings_a_credential_for_every_attested_key() {
    let attester = Attester::new();
    let acme = attester
        .believed(json!({ BADGE: { "key_storage": ["iso_18045_high", "iso_18045_moderate"] } }))
        .await;
    let wallet = acme.wallet();
    let keys = Key::some(3);
    for by_name in [false, true] {
        let (token, nonce) = (token(&acme).await, wallet.nonce().await);
        let attestation = attester.attest(&keys, &nonce, |_, _| ());
        let mut proof = proof_with(&wallet, &keys[1], &nonce, &attestation);
        if by_name {
            proof = proof.without_header("jwk").header("kid", "key-1");
        }
        let request = badge_request(&[proof.sign(&keys[1])]);
        let copies = credentials(&wallet.request(&token, &request).await.granted());
        let mut bound = Vec::new();
        for copy in &copies {
            bound.push(acme.verifier().verify(copy).await.payload["cnf"]["jwk"].clone());
        }
        assert_eq!(bound, keys.iter().map(Key::jwk).collect::<Vec<_>>());
    }
    let (token, nonce) = (token(&acme).await, wallet.nonce().await);
    let attestation =
        attester.attest(&keys, &nonce, |_, claims| drop(claims.as_object_mut().unwrap().remove("exp")));
    let answer = wallet.request(&token, &by_attestation(&[&attestation])).await.granted();
    assert_eq!(credentials(&answer).len(), 3, "by itself");
    let again = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let replayed = wallet.request(&again, &by_attestation(&[&attestation])).await;
    replayed.refused(400, "invalid_nonce");
}

#[tokio::test]
async fn what_is_demanded_must_be_attested_by_somebody_who_is_believed() {
    let (attester, stranger) = (Attester::new(), Attester::new());
    let required = json!({ BADGE: { "key_storage": ["iso_18045_moderate"], "user_authentication": ["iso_18045_high"] } });
    let acme = attester.believed(required).await;
    let (wallet, token) = (acme.wallet(), token(&acme).await);
    let keys = Key::some(2);
    let nonce = wallet.nonce().await;
    let with = |attestation: &str| {
        badge_request(&[proof_with(&wallet, &keys[0], &nonce, attestation).sign(&keys[0])])
    };
    let of = |change: fn(&mut Value, &mut Value)| attester.attest(&keys, &nonce, change);
    let bare = badge_request(&wallet.proofs(&Key::some(1), &nonce));
    wallet.request(&token, &bare).await.refused(400, "invalid_proof");
    let good = of(|_, _| ());
    for wrong in [
        stranger.attest(&keys, &nonce, |_, _| ()),
        of(|header, _| header["typ"] = "oauth-client-attestation+jwt".into()),
        of(|header, _| drop(header.as_object_mut().unwrap().remove("x5c"))),
        of(|_, claims| claims["key_storage"] = json!(["iso_18045_basic"])),
        of(|_, claims| drop(claims.as_object_mut().unwrap().remove("key_storage"))),
        of(|_, claims| claims["user_authentication"] = json!(["iso_18045_moderate"])),
        of(|_, claims| claims["attested_keys"] = json!([])),
        of(|_, claims| claims["attested_keys"] = json!([Key::p256().jwk()])),
        of(|_, claims| drop(claims.as_object_mut().unwrap().remove("exp"))),
        of(|_, claims| drop(claims.as_object_mut().unwrap().remove("iat"))),
        of(|_, claims| claims["exp"] = (now() - 1).into()),
        of(|_, claims| claims["iat"] = (now() + 3600).into()),
        of(|_, claims| claims["status"] = json!({ "other_mechanism": { "uri": "https://x.example" } })),
        of(|_, claims| {
            claims["status"] = json!({ "status_list": { "idx": -1, "uri": "https://x.example" } });
        }),
        of(|_, claims| claims["key_storage"] = "iso_18045_moderate".into()),
        format!("{}AAAA", &good[..good.len() - 4]),
        "x".to_owned(),
    ] {
        let answer = wallet.request(&token, &with(&wrong)).await;
        assert_eq!(answer.status, 400, "{wrong}");
        answer.refused(400, "invalid_proof");
    }
    let stale = of(|_, claims| claims["nonce"] = "x".into());
    wallet.request(&token, &with(&stale)).await.refused(400, "invalid_nonce");
    let unfresh = of(|_, claims| drop(claims.as_object_mut().unwrap().remove("nonce")));
    wallet.request(&token, &by_attestation(&[&unfresh])).await.refused(400, "invalid_proof");
    wallet.request(&token, &by_attestation(&[&good, &good])).await.refused(400, "invalid_proof");
    wallet.request(&token, &by_attestation(&["x"])).await.refused(400, "invalid_proof");
    let many = attester.attest(&Key::some(21), &nonce, |_, _| ());
    wallet.request(&token, &by_attestation(&[&many])).await.refused(400, "invalid_proof");
    // The proof is fresh, so the attestation need not be.
    credentials(&wallet.request(&token, &with(&unfresh)).await.granted());
}

#[tokio::test]
async fn keys_that_were_given_up_are_refused_and_while_nobody_can_say_so_nothing_is_lost() {
    let (provider, list) = (Provider::new(), Receiver::start().await);
    let attester = Attester(provider.0.clone());
    let acme = attester.believed(json!({ BADGE: {} })).await;
    let (wallet, token, keys) = (acme.wallet(), token(&acme).await, Key::some(1));
    let nonce = wallet.nonce().await;
    let at = |index: u8| {
        let status = json!({ "status_list": { "idx": index, "uri": list.url() } });
        attester.attest(&keys, &nonce, |_, claims| claims["status"] = status)
    };
    let proved = |attestation: &str| {
        badge_request(&[proof_with(&wallet, &keys[0], &nonce, attestation).sign(&keys[0])])
    };
    let good = at(8);
    for reply in [
        Reply::Status(500),
        Reply::Text("x".to_owned()),
        Reply::Text(Provider::new().list(&list.url(), 9)),
        Reply::Text(provider.list("https://elsewhere.example/", 9)),
    ] {
        list.answers([reply]);
        let refused = wallet.request(&token, &proved(&good)).await;
        refused.refused(503, "temporarily_unavailable");
    }
    list.usually(Reply::Text(provider.list(&list.url(), 9)));
    let asked = list.count();
    let stale = attester.attest(&keys, "x", |_, claims| {
        claims["status"] = json!({ "status_list": { "idx": 8, "uri": list.url() } });
    });
    wallet.request(&token, &proved(&stale)).await.refused(400, "invalid_nonce");
    assert_eq!(list.count(), asked, "nobody is asked for what is refused anyway");
    for given_up in [at(9), at(200)] {
        wallet.request(&token, &proved(&given_up)).await.refused(400, "invalid_proof");
        wallet.request(&token, &by_attestation(&[&given_up])).await.refused(400, "invalid_proof");
    }
    // The same token, the same nonce.
    wallet.request(&token, &by_attestation(&[&good])).await.granted();
    assert_eq!(list.count(), asked + 1, "one list for all of them");
}

#[tokio::test]
async fn an_issuer_that_believes_nobody_reads_no_attestation() {
    let (acme, attester) = (acme(), Attester::new());
    let (wallet, token, keys) = (acme.wallet(), token(&acme).await, Key::some(2));
    let nonce = wallet.nonce().await;
    let attestation = attester.attest(&keys, &nonce, |_, _| ());
    wallet.request(&token, &by_attestation(&[&attestation])).await.refused(400, "invalid_proof");
    let proof = proof_with(&wallet, &keys[0], &nonce, &attestation).sign(&keys[0]);
    let answer = wallet.request(&token, &badge_request(&[proof])).await.granted();
    assert_eq!(credentials(&answer).len(), 1, "for the key that was proved, and no other");

    // Where it is demanded nobody gets it, until somebody is believed.
    let acme = platform().newcomer().await;
    choose(&acme, json!({ "key_attestations_required": { BADGE: {} } })).await.is(200);
    let (wallet, token) = (acme.wallet(), self::token(&acme).await);
    let nonce = wallet.nonce().await;
    let proof = proof_with(&wallet, &keys[0], &nonce, &attestation).sign(&keys[0]);
    wallet.request(&token, &badge_request(&[proof])).await.refused(400, "invalid_proof");
}

#[tokio::test]
async fn a_template_hears_how_well_keys_are_kept_now_and_later() {
    let attester = Attester::new();
    let acme = attester.believed(json!({})).await;
    let configuration = json!({ "prepare": "key-attestation" });
    platform().activate_for(&acme, &Plugin::built("hostile"), &configuration).await;
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    for (attested, deferred) in [(true, false), (true, true), (false, false)] {
        let credential =
            json!({ "configuration_id": "hostile", "subject": { "value": "x" }, "deferred": deferred });
        let offer = issuer.offer(Request(json!({ "credentials": [credential] }))).await;
        let (token, key, nonce) = (wallet.redeem(&offer).await, Key::some(1), wallet.nonce().await);
        let mut proof = wallet.proof(&key[0], &nonce);
        if attested {
            proof = proof.header("key_attestation", attester.attest(&key, &nonce, |_, _| ()));
        }
        let mut answer = wallet.request(&token, &request_for("hostile", &[proof.sign(&key[0])])).await;
        if deferred {
            let transaction = Transaction::read(answer);
            issuer.complete(&offer.deferral(), &json!({})).await.granted();
            answer = wallet.come_back(&token, &transaction).await;
        }
        let credential = acme.verifier().verify(&credentials(&answer.granted())[0]).await;
        assert_eq!(credential.claims["value"], if attested { "iso_18045_moderate" } else { "nobody says" });
    }
}
