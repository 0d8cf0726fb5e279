//! The `proofs` of `POST /credential` (OpenID4VCI §8.2, Appendix F): each alone, and many at once.

use std::collections::BTreeSet;

use chancery_tests::answer::text;
use chancery_tests::jose::{self, Key, base64url};
use chancery_tests::people::badge;
use chancery_tests::people::wallet::{badge_request, credentials};
use chancery_tests::{Answer, acme, now};
use serde_json::{Value, json};

/// Every member of a proof that can be wrong, and is answered `invalid_proof`.
fn wrong_members(key: &Key, issuer: &str, nonce: &str) -> Vec<(&'static str, String)> {
    let right = || jose::key_proof(key, issuer, nonce);
    let other = Key::p256();
    let mut private = key.jwk();
    private["d"] = base64url([1; 32]).into();
    let mut off_curve = key.jwk();
    off_curve["y"] = off_curve["x"].clone();
    let mut p384 = key.jwk();
    p384["crv"] = "P-384".into();
    let rsa = json!({ "kty": "RSA", "n": base64url([0xff; 256]), "e": "AQAB" });
    let symmetric = json!({ "kty": "oct", "k": base64url([1; 32]) });

    [
        ("typ missing", right().without_header("typ")),
        ("typ of a plain JWT", right().header("typ", "JWT")),
        ("typ of DPoP", right().header("typ", "dpop+jwt")),
        ("typ in capitals", right().header("typ", "OPENID4VCI-PROOF+JWT")),
        ("typ no text", right().header("typ", json!(["openid4vci-proof+jwt"]))),
        ("alg missing", right().without_header("alg")),
        ("alg none", right().header("alg", "none")),
        ("alg None", right().header("alg", "None")),
        ("alg nOnE", right().header("alg", "nOnE")),
        ("alg empty", right().header("alg", "")),
        ("alg null", right().header("alg", Value::Null)),
        ("alg no text", right().header("alg", json!(["ES256"]))),
        ("alg in small letters", right().header("alg", "es256")),
        ("alg RS256", right().header("alg", "RS256")),
        ("alg ES384", right().header("alg", "ES384")),
        ("alg ES256K", right().header("alg", "ES256K")),
        ("alg EdDSA with a P-256 key", right().header("alg", "EdDSA")),
        ("crit", right().header("crit", json!(["b64"])).header("b64", false)),
        ("crit of nothing", right().header("crit", json!([]))),
        ("b64", right().header("b64", false)),
        ("no key", right().without_header("jwk")),
        ("jwk and kid", right().header("kid", "did:web:elsewhere.example#0")),
        ("jwk and x5c", right().header("x5c", json!(["MIIB"]))),
        ("kid that holds no key", right().without_header("jwk").header("kid", "did:jwk:e30#0")),
        (
            "kid that would be fetched",
            right().without_header("jwk").header("kid", "did:web:wallet.example#0"),
        ),
        ("x5c alone", right().without_header("jwk").header("x5c", json!(["MIIB"]))),
        ("jwk is text", right().header("jwk", key.jwk().to_string())),
        ("jwk is empty", right().header("jwk", json!({}))),
        ("jwk is private", right().header("jwk", private)),
        ("jwk is symmetric", right().header("jwk", symmetric)),
        ("jwk is RSA", right().header("jwk", rsa)),
        ("jwk on another curve", right().header("jwk", p384)),
        ("jwk off its curve", right().header("jwk", off_curve)),
        ("jwk of another", right().header("jwk", other.jwk())),
        ("jwk of the other kind", right().header("jwk", Key::ed25519().jwk())),
        ("aud missing", right().without("aud")),
        ("aud elsewhere", right().claim("aud", "https://elsewhere.example")),
        ("aud with a slash", right().claim("aud", format!("{issuer}/"))),
        ("aud in capitals", right().claim("aud", issuer.to_uppercase())),
        ("aud is the endpoint", right().claim("aud", format!("{issuer}/credential"))),
        ("aud is many", right().claim("aud", json!([issuer, "https://elsewhere.example"]))),
        ("iat missing", right().without("iat")),
        ("iat is text", right().claim("iat", now().to_string())),
        ("iat is null", right().claim("iat", Value::Null)),
        ("iat is old", right().claim("iat", now() - 3600)),
        ("iat is to come", right().claim("iat", now() + 3600)),
        ("iat is in ten years", right().claim("iat", now() + 315_360_000)),
        ("iat is negative", right().claim("iat", -1)),
        ("iat is out of range", right().claim("iat", 1e300)),
        ("nonce missing", right().without("nonce")),
        ("nonce is a number", right().claim("nonce", 7)),
        ("nonce is null", right().claim("nonce", Value::Null)),
        ("nonce is a list", right().claim("nonce", json!([nonce]))),
    ]
    .into_iter()
    .map(|(what, proof)| (what, proof.sign(key)))
    .collect()
}

/// Every form that is no compact JWS of this key, and is answered `invalid_proof`.
fn wrong_forms(key: &Key, issuer: &str, nonce: &str) -> Vec<(&'static str, String)> {
    let right = jose::key_proof(key, issuer, nonce);
    let good = right.sign(key);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let mut flipped = jose::unbase64url(signature);
    flipped[20] ^= 1;
    let zero = base64url([0; 64]);
    let der = der_of(&jose::unbase64url(signature));
    let header_text = String::from_utf8(jose::unbase64url(header)).unwrap();
    let payload_text = String::from_utf8(jose::unbase64url(payload)).unwrap();
    let sign = |header: &str, payload: &str| jose::compact(header, payload, |message| key.sign(message));
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let symmetric_header = header_text.replace("ES256", "HS256");
    let hmac = jose::compact(&symmetric_header, &payload_text, |message| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.jwk().to_string().as_bytes());
        aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec()
    });
    vec![
        ("signature flipped", format!("{signed}.{}", base64url(flipped))),
        ("signature of zeros", format!("{signed}.{zero}")),
        ("signature in DER", format!("{signed}.{}", base64url(der))),
        ("signature empty", format!("{signed}.")),
        ("signature missing", signed.to_owned()),
        ("signature padded", format!("{good}==")),
        ("signature of another", right.sign(&Key::p256())),
        ("signature by the public key as a secret", hmac),
        ("payload of another", format!("{header}.{}.{signature}", base64url("{}"))),
        ("a line break at the end", format!("{good}\n")),
        ("a space in front", format!(" {good}")),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{good}.{signature}.{signature}")),
        ("JSON serialisation", json!({ "payload": payload }).to_string()),
        ("empty", String::new()),
        ("dots", "..".to_owned()),
        ("not base64url", "%%%.%%%.%%%".to_owned()),
        ("alg twice in the header", sign(&twice(&header_text, r#""alg":"none""#), &payload_text)),
        ("aud twice", sign(&header_text, &twice(&payload_text, r#""aud":"https://elsewhere.example""#))),
        ("claims are a list", sign(&header_text, "[]")),
        ("claims are no JSON", sign(&header_text, "{")),
        ("header is a list", sign("[]", &payload_text)),
        ("header nests deeply", sign(&"[".repeat(2000), &payload_text)),
        ("as long as may be", format!("{signed}.{}", "A".repeat(100_000))),
    ]
}

/// The same signature as `ECDSA-Sig-Value`.
fn der_of(signature: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let mut value = bytes.to_vec();
        if value[0] & 0x80 != 0 {
            value.insert(0, 0);
        }
        [vec![2, u8::try_from(value.len()).unwrap()], value].concat()
    };
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
}

#[tokio::test]
async fn a_wrong_proof_is_refused_and_uses_nothing_up() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(badge()).await;
    let token = wallet.redeem(&offer).await;
    let nonce = wallet.nonce().await;
    let key = Key::p256();
    let members = wrong_members(&key, &acme.identifier, &nonce);
    let forms = wrong_forms(&key, &acme.identifier, &nonce);
    for (what, proof) in members.into_iter().chain(forms) {
        let answer = wallet.request_badge(&token, &[proof]).await;
        assert_eq!(answer.status, 400, "{what}: {answer}");
        answer.refused(400, "invalid_proof");
    }
    assert!(acme.issuer().issued(&offer).await.is_empty());
    // The very nonce that came with all of them is still good.
    wallet.request_badge(&token, &wallet.proofs(&[key], &nonce)).await.granted();
}

#[tokio::test]
async fn a_nonce_that_is_not_the_issuers_is_invalid_nonce() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let dpop_nonce = wallet.ask_for_nonce().await.header("dpop-nonce").unwrap().to_owned();
    let nonce = wallet.nonce().await;
    let mut changed = jose::unbase64url(&nonce);
    changed[30] ^= 1;
    let key = Key::p256();
    for foreign in ["", "x", &"A".repeat(10_000), &format!("{nonce}="), &base64url(changed), &dpop_nonce] {
        let proof = wallet.proof(&key, foreign).sign(&key);
        wallet.request_badge(&token, &[proof]).await.refused(400, "invalid_nonce");
    }
    wallet.request_badge(&token, &wallet.proofs(&[key], &nonce)).await.granted();
}

#[tokio::test]
async fn proofs_have_one_shape_only() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let nonce = wallet.nonce().await;
    let key = Key::p256();
    let proof = wallet.proof(&key, &nonce).sign(&key);
    let id = "employee-badge";
    for body in [
        json!({ "credential_configuration_id": id }),
        json!({ "credential_configuration_id": id, "proofs": null }),
        json!({ "credential_configuration_id": id, "proofs": {} }),
        json!({ "credential_configuration_id": id, "proofs": [] }),
        json!({ "credential_configuration_id": id, "proofs": proof }),
        json!({ "credential_configuration_id": id, "proofs": { "jwt": [] } }),
        json!({ "credential_configuration_id": id, "proofs": { "jwt": proof } }),
        json!({ "credential_configuration_id": id, "proofs": { "jwt": [[proof]] } }),
        json!({ "credential_configuration_id": id, "proofs": { "jwt": [null] } }),
        json!({ "credential_configuration_id": id, "proofs": { "jwt": { "0": proof } } }),
        json!({ "credential_configuration_id": id, "proofs": { "jwt": [proof], "di_vp": [{}] } }),
        json!({ "credential_configuration_id": id, "proofs": { "jwt": [proof], "x": 1 } }),
        json!({ "credential_configuration_id": id, "proofs": { "attestation": [proof] } }),
        json!({ "credential_configuration_id": id, "proofs": { "JWT": [proof] } }),
        // Older drafts.
        json!({ "credential_configuration_id": id, "proof": { "proof_type": "jwt", "jwt": proof } }),
    ] {
        wallet.request(&token, &body).await.refused(400, "invalid_proof");
    }
    wallet.request_badge(&token, &[proof]).await.granted();
}

#[tokio::test]
async fn what_wallets_in_use_add_to_a_proof_is_tolerated() {
    let acme = acme();
    let wallet = acme.wallet();
    let p256 = Key::p256();
    let proofs = [
        (&p256, wallet.proof(&p256, "").claim("iss", "did:key:z6Mk").claim("exp", now() + 60)),
        (&p256, wallet.proof(&p256, "").header("unheard_of", json!({ "a": 1 })).claim("jti", "1")),
        (&p256, wallet.proof(&p256, "").claim("iat", now() + 30)),
        (&p256, wallet.proof(&p256, "").claim("iat", now() - 240)),
    ];
    for (key, proof) in proofs {
        let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
        let proof = proof.claim("nonce", wallet.nonce().await).sign(key);
        wallet.request_badge(&token, &[proof]).await.granted();
    }
}

#[tokio::test]
async fn an_ed25519_key_is_as_good_as_any() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let key = Key::ed25519();
    let nonce = wallet.nonce().await;
    let answer = wallet.request_badge(&token, &[wallet.proof(&key, &nonce).sign(&key)]).await.granted();
    let credential = acme.verifier().verify(&credentials(&answer)[0]).await;
    assert_eq!(credential.payload["cnf"]["jwk"], key.jwk());
}

#[tokio::test]
async fn one_bad_proof_in_a_batch_spoils_all_of_it_wherever_it_stands() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(badge()).await;
    let token = wallet.redeem(&offer).await;
    let nonce = wallet.nonce().await;
    let keys = Key::some(6);
    let good = wallet.proofs(&keys, &nonce);
    for position in 0..keys.len() {
        let key = &keys[position];
        let neighbour = &keys[(position + 1) % keys.len()];
        for (bad, error) in [
            (wallet.proof(key, &nonce).sign(neighbour), "invalid_proof"),
            (wallet.proof(key, &nonce).claim("aud", "https://elsewhere.example").sign(key), "invalid_proof"),
            (wallet.proof(key, &nonce).without("nonce").sign(key), "invalid_proof"),
            (wallet.proof(neighbour, &nonce).claim("jti", "again").sign(neighbour), "invalid_proof"),
            (wallet.proof(key, "made-up").sign(key), "invalid_nonce"),
            (String::new(), "invalid_proof"),
        ] {
            let mut proofs = good.clone();
            proofs[position] = bad;
            wallet.request_badge(&token, &proofs).await.refused(400, error);
        }
    }
    assert!(acme.issuer().issued(&offer).await.is_empty());
    let answer = wallet.request_badge(&token, &good).await.granted();
    assert_eq!(credentials(&answer).len(), keys.len());
}

#[tokio::test]
async fn a_batch_is_as_large_as_advertised_and_no_larger() {
    let acme = acme();
    let wallet = acme.wallet();
    let metadata = acme.stranger().get("/.well-known/openid-credential-issuer").await.json();
    let size = metadata["batch_credential_issuance"]["batch_size"].as_u64().unwrap();
    let size = usize::try_from(size).unwrap();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let keys = Key::some(size + 1);
    let nonce = wallet.nonce().await;
    wallet.request_badge(&token, &wallet.proofs(&keys, &nonce)).await.refused(400, "invalid_proof");
    let three_hundred: Vec<String> = wallet.proofs(&keys, &nonce).into_iter().cycle().take(300).collect();
    wallet.request_badge(&token, &three_hundred).await.refused(400, "invalid_proof");
    let answer = wallet.request_badge(&token, &wallet.proofs(&keys[..size], &nonce)).await.granted();
    assert_eq!(credentials(&answer).len(), size);
}

#[tokio::test]
async fn copies_of_one_batch_cannot_be_linked() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let keys = Key::some(20);
    let proofs = wallet.proofs(&keys, &wallet.nonce().await);
    let answer = wallet.request_badge(&token, &proofs).await.granted();
    let jwks = acme.verifier().keys().await;
    let copies: Vec<_> = credentials(&answer)
        .iter()
        .map(|credential| chancery_tests::sd_jwt::verify(credential, &jwks))
        .collect();

    let mut holders: Vec<_> = copies.iter().map(|copy| copy.payload["cnf"]["jwk"].to_string()).collect();
    let mut proven: Vec<_> = keys.iter().map(|key| key.jwk().to_string()).collect();
    holders.sort();
    proven.sort();
    assert_eq!(holders, proven, "one copy for each key");

    let salts: BTreeSet<&String> = copies.iter().flat_map(|copy| &copy.salts).collect();
    assert_eq!(salts.len(), copies.iter().map(|copy| copy.salts.len()).sum::<usize>(), "salts never repeat");
    assert!(salts.iter().all(|salt| jose::unbase64url(salt).len() >= 16), "RFC 9901 §9.3: 128 bits");
    let digests: BTreeSet<String> = copies
        .iter()
        .flat_map(|copy| copy.payload["_sd"].as_array().unwrap().iter().map(text).collect::<Vec<_>>())
        .collect();
    let digest_count: usize = copies.iter().map(|copy| copy.payload["_sd"].as_array().unwrap().len()).sum();
    assert_eq!(digests.len(), digest_count);

    let first = &copies[0];
    for copy in &copies {
        assert_eq!(copy.header, first.header);
        for shared in ["iss", "iat", "exp", "vct"] {
            assert_eq!(copy.payload[shared], first.payload[shared], "{shared}");
        }
        for time in ["iat", "exp", "nbf"] {
            let time = copy.payload[time].as_i64().unwrap_or_default();
            assert_eq!(time % 3600, 0, "RFC 9901 §10.1: on the hour");
        }
        assert_eq!(
            copy.payload["status"]["status_list"]["uri"],
            first.payload["status"]["status_list"]["uri"]
        );
    }
    let mut indices: Vec<i64> =
        copies.iter().map(|copy| copy.payload["status"]["status_list"]["idx"].as_i64().unwrap()).collect();
    let steps: BTreeSet<i64> = indices.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.len() > 15, "no arithmetic leads from one index to the next: {indices:?}");
    indices.sort_unstable();
    assert!(indices.windows(2).all(|pair| pair[0] < pair[1]), "indices are distinct: {indices:?}");
    assert!(indices[19] - indices[0] > 1 << 16, "indices are spread over the list: {indices:?}");
}

#[tokio::test]
async fn proofs_with_different_nonces_use_all_of_them_up() {
    let acme = acme();
    let wallet = acme.wallet();
    let nonces = [wallet.nonce().await, wallet.nonce().await];
    let keys = Key::some(2);
    let proofs: Vec<String> =
        keys.iter().zip(&nonces).map(|(key, nonce)| wallet.proof(key, nonce).sign(key)).collect();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    wallet.request_badge(&token, &proofs).await.granted();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    for nonce in nonces {
        let again = wallet.proofs(&Key::some(1), &nonce);
        wallet.request_badge(&token, &again).await.refused(400, "invalid_nonce");
    }
}

#[tokio::test]
async fn members_that_nobody_knows_are_ignored() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let mut body = badge_request(&proofs);
    body["unheard_of"] = json!({ "a": [1, null, "\u{1f980}"] });
    body["format"] = "vc+sd-jwt".into();
    body["proof"] = json!({ "proof_type": "jwt" });
    let request = wallet.post("/credential?unheard_of=1").bearer_auth(&token.text).json(&body);
    Answer::to(request.header("accept", "application/nonsense;q=0.1")).await.granted();
}
