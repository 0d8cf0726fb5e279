//! Key proofs whose key is not in a `jwk`: named by a did:web, whose document is fetched, or by certificates (OpenID4VCI
//! Appendix F.1)

use chancery_tests::answer::text;
use chancery_tests::jose::{Jwt, Key};
use chancery_tests::people::badge;
use chancery_tests::people::wallet::credentials;
use chancery_tests::receiver::Reply;
use chancery_tests::{Receiver, acme, now};
use serde_json::{Value, json};

use crate::strangers::python_says;

fn did_of(host: &Receiver) -> String {
    format!("did:web:localhost%3A{}", host.port())
}

#[tokio::test]
async fn a_key_is_named_by_a_did_web_whose_document_says_so() {
    let (acme, host, key) = (acme(), Receiver::start().await, Key::p256());
    let did = did_of(&host);
    let document = |method: &str| {
        json!({
            "id": did, "authentication": [method],
            "verificationMethod": [{ "id": format!("{did}#wallet"), "type": "JsonWebKey", "controller": did,
                "publicKeyJwk": key.jwk() }],
        })
    };
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let proof = |by: &Key, kid: String, nonce: &str| {
        wallet.proof(by, nonce).without_header("jwk").header("kid", kid).sign(by)
    };
    let kid = format!("{did}#wallet");
    let asks = async |proofs: &[String]| wallet.request_badge(&token, proofs).await;
    host.usually(Reply::Json(document("#wallet")));
    let nonce = wallet.nonce().await;
    let stranger = Key::p256();
    asks(&[proof(&stranger, kid.clone(), &nonce)]).await.refused(400, "invalid_proof");
    asks(&[proof(&key, format!("{did}#other"), &nonce)]).await.refused(400, "invalid_proof");
    let elsewhere = "did:web:localhost%3A1#wallet".to_owned();
    asks(&[proof(&key, kid.clone(), &nonce), proof(&stranger, elsewhere, &nonce)])
        .await
        .refused(400, "invalid_proof");
    let answer = asks(&[proof(&key, kid, &nonce)]).await.granted();
    let seen = acme.verifier().verify(&credentials(&answer)[0]).await;
    assert_eq!(seen.claims["cnf"]["jwk"], key.jwk());
    assert_eq!(host.count(), 1, "a document is fetched once");
}

#[tokio::test]
async fn a_did_web_without_a_document_is_not_asked_for_again_and_again() {
    let (acme, key) = (acme(), Key::p256());
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    for reply in [Reply::Status(404), Reply::Status(204), Reply::Elsewhere("http://localhost:1/".to_owned())]
    {
        let host = Receiver::start().await;
        host.usually(reply);
        for _ in 0..3 {
            let proof = wallet.proof(&key, &wallet.nonce().await).without_header("jwk");
            let proof = proof.header("kid", format!("{}#wallet", did_of(&host)));
            wallet.request_badge(&token, &[proof.sign(&key)]).await.refused(400, "invalid_proof");
        }
        assert_eq!(host.count(), 1);
    }
}

#[tokio::test]
async fn nobody_is_asked_for_the_key_of_a_proof_that_is_refused_anyway() {
    let (acme, host, key) = (acme(), Receiver::start().await, Key::p256());
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let nonce = wallet.nonce().await;
    let kid = format!("{}#wallet", did_of(&host));
    let right = || wallet.proof(&key, &nonce).without_header("jwk").header("kid", kid.clone());
    let good = right().sign(&key);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let mut wrong: Vec<String> = [
        right().header("typ", "JWT"),
        right().without_header("typ"),
        right().header("alg", "none"),
        right().header("alg", "ES384"),
        right().header("crit", json!(["x"])),
        right().header("jwk", key.jwk()),
        right().header("x5c", json!(["MIIB"])),
        right().claim("aud", "https://elsewhere.example"),
        right().claim("aud", json!([acme.identifier])),
        right().without("aud"),
        right().without("iat"),
        right().claim("iat", now() - 3600),
        right().claim("iat", now() + 3600),
        right().claim("exp", now() - 1),
        right().claim("nbf", now() + 3600),
        right().without("nonce"),
        right().claim("nonce", 7),
    ]
    .map(|proof| proof.sign(&key))
    .into();
    wrong.extend([format!("{signed}."), format!("{signed}.AAAA"), signed.to_owned(), format!("{good}.x")]);
    for proof in &wrong {
        wallet.request_badge(&token, std::slice::from_ref(proof)).await.refused(400, "invalid_proof");
    }
    let answer = wallet.ask_for_nonce().await;
    for nonce in ["made-up", answer.header("dpop-nonce").unwrap()] {
        let proof = right().claim("nonce", nonce).sign(&key);
        wallet.request_badge(&token, &[proof]).await.refused(400, "invalid_nonce");
    }
    // One of two is wrong: wherever it stands, the other's key is of no use.
    let bad = wallet.proof(&Key::p256(), &nonce).sign(&key);
    for proofs in [[good.clone(), bad.clone()], [bad, good.clone()]] {
        wallet.request_badge(&token, &proofs).await.refused(400, "invalid_proof");
    }
    assert_eq!(host.count(), 0);
    host.usually(Reply::Status(404));
    wallet.request_badge(&token, &[good]).await.refused(400, "invalid_proof");
    assert_eq!(host.count(), 1, "the right one would have made us ask");
}

/// A phone with a chain that its maker signed.
struct Phone(Value);

impl Phone {
    fn ending_in(seconds: i64) -> Self {
        Self(python_says("authority.py", &json!({ "hold": { "ends_in": seconds } })))
    }

    fn sign(&self, proof: &Jwt) -> String {
        let sign = json!({ "key": self.0["key"], "header": proof.header, "claims": proof.claims });
        text(&python_says("provider.py", &json!({ "sign": sign })))
    }
}

#[tokio::test]
async fn a_credential_is_bound_to_the_key_of_the_leaf_whoever_certified_it() {
    let acme = acme();
    let wallet = acme.wallet();
    let phone = Phone::ending_in(3600);
    for chain in [json!([phone.0["leaf"]]), json!([phone.0["leaf"], phone.0["anchor"]])] {
        let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
        let proof =
            wallet.proof(&Key::p256(), &wallet.nonce().await).without_header("jwk").header("x5c", chain);
        let answer = wallet.request_badge(&token, &[phone.sign(&proof)]).await.granted();
        let bound = acme.verifier().verify(&credentials(&answer)[0]).await.payload["cnf"]["jwk"].clone();
        let leaf = &phone.0["key"];
        assert_eq!((&bound["x"], &bound["y"]), (&leaf["x"], &leaf["y"]));
    }
}

#[tokio::test]
async fn a_chain_that_does_not_hold_or_of_another_key_is_refused() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let nonce = wallet.nonce().await;
    let (phone, other, expired) = (Phone::ending_in(3600), Phone::ending_in(3600), Phone::ending_in(-60));
    let proof = |chain: Value| wallet.proof(&Key::p256(), &nonce).without_header("jwk").header("x5c", chain);
    let [leaf, anchor] = ["leaf", "anchor"].map(|name| phone.0[name].clone());
    for (what, chain, signer) in [
        ("a chain of nothing", json!([]), &phone),
        ("no text", json!([1]), &phone),
        ("no certificate", json!(["MIIB"]), &phone),
        ("of the wrong alphabet", json!([text(&leaf).replace('/', "_").replace('+', "-") + "\n"]), &phone),
        ("of another phone", json!([leaf]), &other),
        ("issued by another", json!([leaf, other.0["anchor"]]), &phone),
        ("upside down", json!([anchor, leaf]), &phone),
        ("issued by itself", json!([leaf, leaf]), &phone),
        ("of a key that only agrees", json!([phone.0["agreeing"]]), &phone),
        ("over", json!([expired.0["leaf"]]), &expired),
        ("too long", json!([leaf, anchor, anchor, anchor, anchor, anchor, anchor]), &phone),
    ] {
        let answer = wallet.request_badge(&token, &[signer.sign(&proof(chain))]).await;
        assert_eq!(answer.status, 400, "{what}: {answer}");
        answer.refused(400, "invalid_proof");
    }
    let twice = proof(json!([leaf])).header("jwk", Key::p256().jwk());
    wallet.request_badge(&token, &[phone.sign(&twice)]).await.refused(400, "invalid_proof");
    let good = phone.sign(&proof(json!([leaf])));
    wallet.request_badge(&token, &[good]).await.granted();
}
