//! Wallets that somebody vouches for: `attest_jwt_client_auth`. The provider is Python's cryptography and jwcrypto

use std::io::Write as _;

use chancery_tests::answer::text;
use chancery_tests::jose::{Jwt, Key, base64url};
use chancery_tests::people::wallet::{Asking, GRANT};
use chancery_tests::people::{Token, badge};
use chancery_tests::receiver::Reply;
use chancery_tests::{Acme, Answer, Receiver, acme, now, platform};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::strangers::python_says;

pub(crate) const CLIENT: &str = "https://wallet.example/";

/// Somebody who vouches for wallets.
pub(crate) struct Provider(pub(crate) Value);

impl Provider {
    pub(crate) fn new() -> Self {
        Self(python_says("provider.py", &json!({})))
    }

    /// What is vouched for, changed before it is signed.
    pub(crate) fn attest(&self, key: &Key, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let mut header =
            json!({ "alg": "ES256", "typ": "oauth-client-attestation+jwt", "x5c": self.0["x5c"] });
        let mut claims =
            json!({ "sub": CLIENT, "exp": now() + 3600, "iat": now(), "cnf": { "jwk": key.jwk() } });
        change(&mut header, &mut claims);
        self.sign(&header, &claims)
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let sign = json!({ "key": self.0["key"], "header": header, "claims": claims });
        text(&python_says("provider.py", &json!({ "sign": sign })))
    }

    /// A list at that place, of entries that are one bit wide, one of them revoked.
    pub(crate) fn list(&self, at: &str, revoked: u8) -> String {
        let mut bytes = [0; 16];
        bytes[usize::from(revoked / 8)] |= 1 << (revoked % 8);
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&bytes).unwrap();
        let lst = base64url(encoder.finish().unwrap());
        let header = json!({ "alg": "ES256", "typ": "statuslist+jwt", "x5c": self.0["x5c"] });
        let list = json!({ "bits": 1, "lst": lst });
        self.sign(&header, &json!({ "sub": at, "iat": now(), "exp": now() + 600, "status_list": list }))
    }

    /// Vouches for a wallet until an entry of that list says otherwise.
    fn attest_at(&self, key: &Key, list: &Receiver, index: u8) -> String {
        let status = json!({ "status_list": { "idx": index, "uri": list.url() } });
        self.attest(key, |_, claims| claims["status"] = status)
    }
}

/// A tenant that trusts this provider alone.
pub(crate) async fn trusting(provider: &Provider) -> Acme {
    let tenant = platform().newcomer().await;
    tenant.choose(&json!({ "wallet_providers": provider.0["anchor"] })).await.is(200);
    tenant
}

async fn challenge(acme: &Acme) -> String {
    text(&Answer::to(acme.wallet().post("/challenge")).await.granted()["attestation_challenge"])
}

/// The proof of the attested key, over a fresh challenge.
pub(crate) async fn proof(acme: &Acme, key: &Key) -> Jwt {
    let claims = json!({
        "aud": acme.identifier, "jti": chancery_tests::unique("jti-"), "iat": now(),
        "challenge": challenge(acme).await,
    });
    Jwt { header: json!({ "alg": key.algorithm(), "typ": "oauth-client-attestation-pop+jwt" }), claims }
}

pub(crate) fn attested(request: RequestBuilder, attestation: &str, proof: &str) -> RequestBuilder {
    request.header("OAuth-Client-Attestation", attestation).header("OAuth-Client-Attestation-PoP", proof)
}

async fn exchange(acme: &Acme, code: &str, attestation: &str, proof: &str) -> Answer {
    let form = [("grant_type", GRANT), ("pre-authorized_code", code)];
    Answer::to(attested(acme.wallet().token_request(&form), attestation, proof)).await
}

async fn server(acme: &Acme) -> Value {
    let url = acme.at("/.well-known/oauth-authorization-server");
    Answer::to(acme.http.get(url)).await.is(200).json()
}

#[tokio::test]
async fn an_attested_wallet_receives_under_haip_by_pushed_request_and_token() {
    let (provider, key, dpop) = (Provider::new(), Key::p256(), Key::p256());
    let acme = trusting(&provider).await;
    acme.choose(&json!({ "profile": "haip" })).await.is(200);
    let told = server(&acme).await;
    let methods = told["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("attest_jwt_client_auth")), "{methods:?}");
    assert_eq!(told["challenge_endpoint"], format!("{}/challenge", acme.identifier));
    for member in [
        "client_attestation_signing_alg_values_supported",
        "client_attestation_pop_signing_alg_values_supported",
    ] {
        assert_eq!(told[member], json!(["ES256", "EdDSA"]));
    }

    let wallet = acme.wallet();
    let attestation = provider.attest(&key, |_, _| ());
    let offer = acme.issuer().offer(badge().with("grant", "authorization_code")).await;
    let state = wallet.issuer_state(&offer).await;
    let asking = Asking::scope("employee-badge").with("issuer_state", &state).with("client_id", CLIENT);
    wallet.push(&asking).await.refused(401, "invalid_client");
    let one = proof(&acme, &key).await.sign(&key);
    let pushed = attested(wallet.post("/par").form(&asking.form), &attestation, &one);
    let pushed = Answer::to(pushed).await.is(201).json();
    let holder = acme.holder();
    let query = [("client_id", CLIENT), ("request_uri", &text(&pushed["request_uri"]))];
    let code = holder.consent(&holder.visit(&query).await).await.remove("code").unwrap();

    let form: Vec<_> =
        asking.redemption(&code).into_iter().filter(|(name, _)| *name != "client_id").collect();
    let bound = wallet.dpop(&dpop, "/token").await.sign(&dpop);
    let two = proof(&acme, &key).await.sign(&key);
    let request = attested(wallet.token_request(&form), &attestation, &two).header("DPoP", bound);
    assert_eq!(Token::read(Answer::to(request).await).answer["token_type"], "DPoP");
}

#[tokio::test]
async fn a_proof_is_made_over_a_challenge_and_serves_once() {
    let (provider, key) = (Provider::new(), Key::p256());
    let acme = trusting(&provider).await;
    let attestation = provider.attest(&key, |_, _| ());
    let code = acme.wallet().code(&acme.issuer().offer(badge()).await).await;
    let unchallenged = proof(&acme, &key).await.without("challenge").sign(&key);
    let told = exchange(&acme, &code, &attestation, &unchallenged).await;
    let fresh = told.header("oauth-client-attestation-challenge").unwrap().to_owned();
    told.refused(400, "use_attestation_challenge");
    let strange = proof(&acme, &key).await.claim("challenge", "unheard-of").sign(&key);
    exchange(&acme, &code, &attestation, &strange).await.refused(400, "use_attestation_challenge");
    let nonce = acme.wallet().nonce().await;
    let confused = proof(&acme, &key).await.claim("challenge", nonce).sign(&key);
    exchange(&acme, &code, &attestation, &confused).await.refused(400, "use_attestation_challenge");
    let good = proof(&acme, &key).await.claim("challenge", fresh).sign(&key);
    exchange(&acme, &code, &attestation, &good).await.granted();
    let code = acme.wallet().code(&acme.issuer().offer(badge()).await).await;
    exchange(&acme, &code, &attestation, &good).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn what_nobody_trusted_vouches_for_is_refused_and_costs_nothing() {
    let (provider, key) = (Provider::new(), Key::p256());
    let acme = trusting(&provider).await;
    let code = acme.wallet().code(&acme.issuer().offer(badge()).await).await;
    let stranger = Provider::new();
    let wrong = [
        stranger.attest(&key, |_, _| ()),
        stranger.attest(&key, |header, _| header["x5c"] = provider.0["x5c"].clone()),
        provider.attest(&key, |_, claims| claims["exp"] = json!(now() - 1)),
        provider.attest(&key, |_, claims| drop(claims.as_object_mut().unwrap().remove("exp"))),
        provider.attest(&key, |_, claims| drop(claims.as_object_mut().unwrap().remove("sub"))),
        provider.attest(&key, |_, claims| claims["sub"] = json!("cli_00000000000070008000000000000001")),
        provider.attest(&key, |_, claims| drop(claims.as_object_mut().unwrap().remove("cnf"))),
        provider.attest(&key, |_, claims| claims["cnf"]["jwk"]["d"] = json!("AA")),
        provider.attest(&key, |_, claims| claims["iat"] = json!(now() + 3600)),
        provider.attest(&key, |_, claims| {
            claims["status"] = json!({ "other_mechanism": { "uri": "https://x" } });
        }),
        provider.attest(&key, |header, _| header["typ"] = json!("JWT")),
        provider.attest(&key, |header, _| drop(header.as_object_mut().unwrap().remove("x5c"))),
        "x".to_owned(),
    ];
    for attestation in &wrong {
        let proof = proof(&acme, &key).await.sign(&key);
        exchange(&acme, &code, attestation, &proof).await.refused(401, "invalid_client");
    }
    let attestation = provider.attest(&key, |_, _| ());
    let good = proof(&acme, &key).await;
    for wrong in [
        good.sign(&Key::p256()),
        good.clone().claim("aud", "https://another.example").sign(&key),
        good.clone().claim("aud", json!([acme.identifier])).sign(&key),
        good.clone().claim("iss", "somebody").sign(&key),
        good.clone().claim("iat", now() - 3600).sign(&key),
        good.clone().without("iat").sign(&key),
        good.clone().without("jti").sign(&key),
        good.clone().header("typ", "dpop+jwt").sign(&key),
        "x".to_owned(),
    ] {
        exchange(&acme, &code, &attestation, &wrong).await.refused(401, "invalid_client");
    }
    let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
    let alone = acme.wallet().token_request(&form).header("OAuth-Client-Attestation", &attestation);
    Answer::to(alone).await.refused(400, "invalid_request");
    let named = [form[0], form[1], ("client_id", "somebody")];
    let signed = good.sign(&key);
    let named = attested(acme.wallet().token_request(&named), &attestation, &signed);
    Answer::to(named).await.refused(400, "invalid_request");
    // -07 names the client in the proof, too.
    let signed = proof(&acme, &key).await.claim("iss", CLIENT).sign(&key);
    exchange(&acme, &code, &attestation, &signed).await.granted();
}

#[tokio::test]
async fn where_nobody_is_trusted_no_attestation_counts() {
    let (provider, key) = (Provider::new(), Key::p256());
    let acme = acme();
    assert!(server(&acme).await.get("challenge_endpoint").is_none());
    acme.stranger().ask(Method::POST, "/challenge").await.refused(404, "invalid_request");
    let code = acme.wallet().code(&acme.issuer().offer(badge()).await).await;
    let claims = json!({ "aud": acme.identifier, "jti": chancery_tests::unique("jti-"), "iat": now() });
    let proof = Jwt { header: json!({ "alg": "ES256", "typ": "oauth-client-attestation-pop+jwt" }), claims };
    let attestation = provider.attest(&key, |_, _| ());
    let refused = exchange(&acme, &code, &attestation, &proof.sign(&key)).await;
    refused.refused(401, "invalid_client");
    acme.wallet().exchange(&code).await.granted();
    let tenant = platform().newcomer().await;
    for wrong in ["x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert_eq!(
            tenant.choose(&json!({ "wallet_providers": wrong })).await.wrong_parts(),
            ["/wallet_providers"]
        );
    }
}

#[tokio::test]
async fn a_wallet_that_its_provider_gave_up_is_refused() {
    let (provider, key, list) = (Provider::new(), Key::p256(), Receiver::start().await);
    let acme = trusting(&provider).await;
    list.usually(Reply::Text(provider.list(&list.url(), 9)));
    let code = acme.wallet().code(&acme.issuer().offer(badge()).await).await;
    for index in [9, 200] {
        let attestation = provider.attest_at(&key, &list, index);
        let proof = proof(&acme, &key).await.sign(&key);
        exchange(&acme, &code, &attestation, &proof).await.refused(401, "invalid_client");
    }
    let attestation = provider.attest_at(&key, &list, 8);
    let proof = proof(&acme, &key).await.sign(&key);
    exchange(&acme, &code, &attestation, &proof).await.granted();
    assert_eq!(list.count(), 1, "one list for all of its wallets");
}

#[tokio::test]
async fn while_nobody_can_say_whether_a_wallet_was_given_up_it_is_not_believed_and_loses_nothing() {
    let (provider, stranger, key) = (Provider::new(), Provider::new(), Key::p256());
    let (acme, list) = (trusting(&provider).await, Receiver::start().await);
    let code = acme.wallet().code(&acme.issuer().offer(badge()).await).await;
    let attestation = provider.attest_at(&key, &list, 8);
    let proof = proof(&acme, &key).await.sign(&key);
    for reply in [
        Reply::Status(500),
        Reply::Elsewhere(list.url()),
        Reply::Text("x".to_owned()),
        Reply::Text(stranger.list(&list.url(), 9)),
        Reply::Text(provider.list("https://elsewhere.example/", 9)),
    ] {
        list.answers([reply]);
        let refused = exchange(&acme, &code, &attestation, &proof).await;
        refused.refused(503, "temporarily_unavailable");
    }
    list.answers([Reply::Text(provider.list(&list.url(), 9))]);
    exchange(&acme, &code, &attestation, &proof).await.granted();
}
