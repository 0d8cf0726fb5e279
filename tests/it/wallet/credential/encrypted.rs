//! Encrypted requests and answers (OpenID4VCI §10). The wallet's half is Python's jwcrypto

use chancery_tests::jose::Key;
use chancery_tests::people::wallet::{badge_request, credentials};
use chancery_tests::people::{Token, Wallet, badge};
use chancery_tests::{Acme, Answer, House, acme, platform};
use reqwest::Method;
use serde_json::{Value, json};

use crate::strangers::python_says;

/// What the issuer says of encryption, in one direction.
pub(crate) async fn advertised(acme: &Acme, direction: &str) -> Value {
    let url = acme.at("/.well-known/openid-credential-issuer");
    let metadata = Answer::to(acme.http.get(url)).await.is(200).json();
    metadata[format!("credential_{direction}_encryption")].clone()
}

/// A key of the wallet's: private and public.
pub(crate) fn own_key() -> (Value, Value) {
    let mut key = python_says("jwe.py", &json!({ "generate": true }));
    (key["private"].take(), key["public"].take())
}

pub(crate) fn sealed(jwk: &Value, enc: &str, zip: bool, plaintext: &Value) -> String {
    let mut seal = json!({ "jwk": jwk, "enc": enc, "plaintext": plaintext.to_string() });
    if zip {
        seal["zip"] = "DEF".into();
    }
    python_says("jwe.py", &json!({ "seal": seal })).as_str().unwrap().to_owned()
}

pub(crate) fn opened(private: &Value, answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/jwt"), "{answer}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
    python_says("jwe.py", &json!({ "open": { "jwk": private, "jwe": answer.text() } }))
}

async fn request_jwe(wallet: &Wallet, token: &Token, jwe: &str) -> Answer {
    let request = wallet.post("/credential").bearer_auth(&token.text);
    Answer::to(request.header("content-type", "application/jwt").body(jwe.to_owned())).await
}

/// A request for a badge with a fresh proof, whose answer is to be encrypted so.
async fn asking(wallet: &Wallet, encryption: Value) -> Value {
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let mut request = badge_request(&proofs);
    request["credential_response_encryption"] = encryption;
    request
}

#[tokio::test]
async fn a_credential_is_asked_for_and_received_where_nobody_reads_along() {
    let acme = acme();
    let wallet = acme.wallet();
    let requests = advertised(&acme, "request").await;
    let jwk = &requests["jwks"]["keys"][0];
    assert_eq!((&jwk["alg"], &jwk["use"]), (&json!("ECDH-ES"), &json!("enc")));
    assert_eq!(requests["encryption_required"], false);
    assert_eq!(advertised(&acme, "response").await["alg_values_supported"], json!(["ECDH-ES"]));
    for (enc, zip) in [("A128GCM", false), ("A256GCM", true)] {
        let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
        let (private, public) = own_key();
        let mut wanted = json!({ "jwk": public, "enc": enc });
        if zip {
            wanted["zip"] = "DEF".into();
        }
        let request = sealed(jwk, enc, zip, &asking(&wallet, wanted).await);
        let answer = request_jwe(&wallet, &token, &request).await.is(200);
        let opened = opened(&private, &answer);
        let header = &opened["header"];
        assert_eq!(
            (&header["enc"], &header["kid"], &header["alg"]),
            (&json!(enc), &json!("mine"), &json!("ECDH-ES"))
        );
        assert_eq!(header.get("zip").is_some(), zip);
        let credential = credentials(&opened["content"]).remove(0);
        assert_eq!(acme.verifier().verify(&credential).await.claims["given_name"], "Ada");
        assert!(opened["content"]["notification_id"].is_string());
    }
}

#[tokio::test]
async fn an_encrypted_request_may_ask_for_a_plain_answer_and_refusals_are_always_plain() {
    let acme = acme();
    let wallet = acme.wallet();
    let jwk = advertised(&acme, "request").await["jwks"]["keys"][0].clone();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let (_, public) = own_key();
    let mut unknown = asking(&wallet, json!({ "jwk": public, "enc": "A128GCM" })).await;
    unknown["credential_configuration_id"] = "unheard-of".into();
    let unknown = sealed(&jwk, "A128GCM", false, &unknown);
    request_jwe(&wallet, &token, &unknown).await.refused(400, "unknown_credential_configuration");
    let mut plain = asking(&wallet, json!(null)).await;
    plain.as_object_mut().unwrap().remove("credential_response_encryption");
    let plain = sealed(&jwk, "A128GCM", false, &plain);
    credentials(&request_jwe(&wallet, &token, &plain).await.granted());
}

#[tokio::test]
async fn encryption_that_is_not_supported_is_refused_and_costs_nothing() {
    let acme = acme();
    let wallet = acme.wallet();
    let jwk = advertised(&acme, "request").await["jwks"]["keys"][0].clone();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let (private, public) = own_key();
    let with = |name: &str, value: Value| {
        let mut key = public.clone();
        key[name] = value;
        json!({ "jwk": key, "enc": "A128GCM" })
    };
    let private = json!({ "jwk": private, "enc": "A128GCM" });
    for wrong in [
        with("alg", json!("RSA-OAEP-256")),
        with("alg", json!("ECDH-ES+A128KW")),
        with("crv", json!("P-384")),
        with("x", json!("AA")),
        json!({ "jwk": public }),
        json!({ "jwk": public, "enc": "A128CBC-HS256" }),
        json!({ "jwk": public, "enc": "A128GCM", "zip": "GZIP" }),
        json!({ "enc": "A128GCM" }),
        json!("x"),
        private,
    ] {
        let request = sealed(&jwk, "A128GCM", false, &asking(&wallet, wrong.clone()).await);
        let answer = request_jwe(&wallet, &token, &request).await;
        assert_eq!(answer.status, 400, "{wrong}");
        answer.refused(400, "invalid_encryption_parameters");
    }
    let good = asking(&wallet, json!({ "jwk": public, "enc": "A128GCM" })).await;
    // Whoever reads along could have put their own key in.
    wallet.request(&token, &good).await.refused(400, "invalid_encryption_parameters");
    let jwe = sealed(&jwk, "A128GCM", false, &good);
    let mut another = own_key().1;
    let stranger = sealed(&another, "A128GCM", false, &good);
    request_jwe(&wallet, &token, &stranger).await.refused(400, "invalid_encryption_parameters");
    another["kid"] = jwk["kid"].clone();
    let forged = sealed(&another, "A128GCM", false, &good);
    request_jwe(&wallet, &token, &forged).await.refused(400, "invalid_credential_request");
    for garbage in ["", "a.b.c.d.e", &jwe[1..], &format!("{jwe}AA")] {
        request_jwe(&wallet, &token, garbage).await.refused(400, "invalid_credential_request");
    }
    let no_request = sealed(&jwk, "A128GCM", false, &json!("x"));
    request_jwe(&wallet, &token, &no_request).await.refused(400, "invalid_credential_request");
    request_jwe(&wallet, &token, &jwe).await.is(200);
}

#[tokio::test]
async fn an_issuer_may_insist_on_encryption() {
    let acme = platform().newcomer().await;
    let choose = acme.issuer().request(Method::PATCH, "/configuration").header("if-match", "*");
    Answer::to(choose.json(&json!({ "encryption_required": true }))).await.is(200);
    for direction in ["request", "response"] {
        assert_eq!(advertised(&acme, direction).await["encryption_required"], true);
    }
    let wallet = acme.wallet();
    let jwk = advertised(&acme, "request").await["jwks"]["keys"][0].clone();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let (_, public) = own_key();
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let mut request = badge_request(&proofs);
    wallet.request(&token, &request).await.refused(400, "invalid_encryption_parameters");
    let silent = sealed(&jwk, "A256GCM", false, &request);
    request_jwe(&wallet, &token, &silent).await.refused(400, "invalid_encryption_parameters");
    request["credential_response_encryption"] = json!({ "jwk": public, "enc": "A256GCM" });
    request_jwe(&wallet, &token, &sealed(&jwk, "A256GCM", false, &request)).await.is(200);
}

#[tokio::test]
async fn the_key_is_the_tenants_own_and_is_replaced_with_the_one_that_signs() {
    let house = House::of_many();
    let platform = house.platform();
    let (acme, globex) = (platform.founded("acme"), platform.founded("globex"));
    let before = advertised(&acme, "request").await["jwks"]["keys"][0].clone();
    assert_ne!(before, advertised(&globex, "request").await["jwks"]["keys"][0]);
    let wallet = acme.wallet();
    let offer = || async { wallet.redeem(&acme.issuer().offer(badge()).await).await };
    let (_, public) = own_key();
    let asking = || async {
        sealed(&before, "A128GCM", false, &asking(&wallet, json!({ "jwk": public, "enc": "A128GCM" })).await)
    };

    acme.issuer().post("/keys/rotate", &json!({ "activate_in": 0 })).await.is(200);
    let after = advertised(&acme, "request").await["jwks"]["keys"][0].clone();
    assert_ne!(before, after);
    // Who read the metadata a moment ago is still understood, …
    request_jwe(&wallet, &offer().await, &asking().await).await.is(200);
    acme.issuer().post("/keys/rotate", &json!({ "compromised": true })).await.is(200);
    assert_ne!(advertised(&acme, "request").await["jwks"]["keys"][0], after);
    // … and what somebody else may read is not taken, once that key itself is the one that leaked.
    let leaked = sealed(&after, "A128GCM", false, &json!({}));
    let refused = request_jwe(&wallet, &offer().await, &leaked).await;
    refused.refused(400, "invalid_encryption_parameters");
}
