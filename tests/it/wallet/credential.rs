//! `POST /credential` (OpenID4VCI §8)

pub(crate) mod attested_keys;
mod circumstances;
pub(crate) mod encrypted;
mod keys_elsewhere;
mod mdoc;
mod proofs;
mod repeats;
mod w3c;

use chancery_tests::answer::text;
use chancery_tests::jose::{self, Key};
use chancery_tests::people::wallet::{badge_request, credentials, request_for};
use chancery_tests::people::{Token, badge, diploma};
use chancery_tests::{Answer, acme};
use serde_json::{Value, json};

#[tokio::test]
async fn an_offer_becomes_a_credential() {
    let acme = acme();
    let offer = acme.issuer().offer(badge()).await;
    let wallet = acme.wallet();
    let token = wallet.redeem(&offer).await;
    let key = Key::p256();
    let nonce = wallet.nonce().await;
    let answer = wallet.request_badge(&token, &[wallet.proof(&key, &nonce).sign(&key)]).await.granted();
    let members: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(members, ["credentials", "notification_id"]);
    assert_eq!(answer["credentials"][0].as_object().unwrap().len(), 1);

    let credential = acme.verifier().verify(&credentials(&answer)[0]).await;
    assert_eq!(credential.header["typ"], "dc+sd-jwt");
    assert!(!credential.header["x5c"].as_array().unwrap().is_empty());
    let subject = &badge().0["credentials"][0]["subject"];
    for (claim, value) in subject.as_object().unwrap() {
        assert_eq!(&credential.claims[claim], value);
        assert!(credential.payload.get(claim).is_none(), "{claim} is shown only if the holder wants to");
    }
    assert_eq!(credential.payload["iss"], acme.identifier);
    assert_eq!(credential.payload["vct"], "urn:chancery:employee-badge:1");
    assert_eq!(credential.payload["cnf"]["jwk"], key.jwk());
    let digests: Vec<_> = credential.payload["_sd"].as_array().unwrap().iter().map(text).collect();
    assert!(digests.len() >= credential.disclosures.len());
    assert!(digests.is_sorted(), "the order of digests tells nothing");
    let (issued, expires) = (&credential.payload["iat"], &credential.payload["exp"]);
    let (issued, expires) = (issued.as_i64().unwrap(), expires.as_i64().unwrap());
    assert!(issued <= chancery_tests::now() && expires > chancery_tests::now());
    assert_eq!(expires - issued, 365 * 86_400);
    assert_eq!(acme.verifier().status(&credential).await, 0);
    assert_eq!(acme.issuer().state(&offer).await, "issued");
    assert_eq!(acme.issuer().issued(&offer).await.len(), 1);
}

#[tokio::test]
async fn an_offer_issues_each_of_its_credentials_once() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(badge().and(&diploma())).await;
    let token = wallet.redeem(&offer).await;
    for _ in 0..2 {
        for id in ["employee-badge", "university-diploma"] {
            let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
            let answer = wallet.request(&token, &request_for(id, &proofs)).await;
            if acme.issuer().issued(&offer).await.len() == 2 && answer.status != 200 {
                answer.refused(400, "credential_request_denied");
            } else {
                let credential = acme.verifier().verify(&credentials(&answer.granted())[0]).await;
                assert_eq!(credential.payload["vct"], format!("urn:chancery:{id}:1"));
            }
        }
    }
    assert_eq!(acme.issuer().issued(&offer).await.len(), 2);
}

#[tokio::test]
async fn a_request_names_one_credential_that_the_token_is_for() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let proofs = json!({ "jwt": wallet.proofs(&Key::some(1), &wallet.nonce().await) });
    let refused: [(Value, &str); 9] = [
        (json!({ "proofs": proofs }), "invalid_credential_request"),
        (
            json!({ "credential_configuration_id": "employee-badge",
                "credential_identifier": "employee-badge:1", "proofs": proofs }),
            "invalid_credential_request",
        ),
        (json!({ "credential_configuration_id": "x", "proofs": proofs }), "unknown_credential_configuration"),
        (json!({ "credential_configuration_id": "", "proofs": proofs }), "unknown_credential_configuration"),
        (json!({ "credential_configuration_id": 7, "proofs": proofs }), "invalid_credential_request"),
        // Even where identifiers were not granted at all (§14 of the conformance suite).
        (json!({ "credential_identifier": "x", "proofs": proofs }), "unknown_credential_identifier"),
        (
            json!({ "credential_identifier": "employee-badge:1", "proofs": proofs }),
            "unknown_credential_identifier",
        ),
        (json!({ "credential_identifier": ["x"], "proofs": proofs }), "invalid_credential_request"),
        (
            json!({ "format": "dc+sd-jwt", "vct": "urn:chancery:employee-badge:1", "proofs": proofs }),
            "invalid_credential_request",
        ),
    ];
    for (body, error) in refused {
        wallet.request(&token, &body).await.refused(400, error);
    }
    let others = json!({ "credential_configuration_id": "university-diploma", "proofs": proofs });
    wallet.request(&token, &others).await.challenged(403, "Bearer", "insufficient_scope");

    let body = json!({ "credential_configuration_id": "employee-badge", "proofs": proofs });
    wallet.request(&token, &body).await.granted();
}

#[tokio::test]
async fn where_identifiers_were_granted_only_they_count() {
    let acme = acme();
    let wallet = acme.wallet();
    let code = wallet.code(&acme.issuer().offer(badge()).await).await;
    let details = json!([{ "type": "openid_credential", "credential_configuration_id": "employee-badge" }]);
    let details = details.to_string();
    let grant = chancery_tests::people::wallet::GRANT;
    let form =
        [("grant_type", grant), ("pre-authorized_code", code.as_str()), ("authorization_details", &details)];
    let token = Token::read(wallet.token(&form).await);
    let identifier = text(&token.answer["authorization_details"][0]["credential_identifiers"][0]);

    let proofs = json!({ "jwt": wallet.proofs(&Key::some(1), &wallet.nonce().await) });
    let by_configuration = json!({ "credential_configuration_id": "employee-badge", "proofs": proofs });
    wallet.request(&token, &by_configuration).await.refused(400, "invalid_credential_request");
    let unknown = json!({ "credential_configuration_id": "x", "proofs": proofs });
    wallet.request(&token, &unknown).await.refused(400, "unknown_credential_configuration");
    let other = json!({ "credential_identifier": format!("{identifier}0"), "proofs": proofs });
    wallet.request(&token, &other).await.refused(400, "unknown_credential_identifier");
    let right = json!({ "credential_identifier": identifier, "proofs": proofs });
    wallet.request(&token, &right).await.granted();
}

#[tokio::test]
async fn an_encrypted_response_is_refused_before_the_proofs_are_read() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let mut jwk = Key::p256().jwk();
    jwk["alg"] = "ECDH-ES".into();
    for encryption in [json!({ "jwk": jwk, "enc": "A256GCM" }), json!({}), json!("x")] {
        let mut body = badge_request(&proofs);
        body["credential_response_encryption"] = encryption;
        wallet.request(&token, &body).await.refused(400, "invalid_encryption_parameters");
    }
    wallet.request_badge(&token, &proofs).await.granted();
}

#[tokio::test]
async fn without_a_token_of_this_issuer_there_is_nothing() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(badge()).await;
    let code = wallet.code(&offer).await;
    let token = wallet.redeem(&offer).await;
    let body = badge_request(&wallet.proofs(&Key::some(1), &wallet.nonce().await));
    let ask = |authorization: &str| {
        Answer::to(wallet.post("/credential").header("authorization", authorization).json(&body))
    };

    let mut cut = token.text.clone();
    cut.pop();
    let mut flipped = jose::unbase64url(&token.text);
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let unsigned = jose::compact(r#"{"alg":"none"}"#, r#"{"sub":"anybody"}"#, |_| Vec::new());
    let flipped = jose::base64url(flipped);
    for wrong in [cut.as_str(), &flipped, &code, &acme.key, &unsigned, "x", &"A".repeat(3000)] {
        ask(&format!("Bearer {wrong}")).await.challenged(401, "Bearer", "invalid_token");
    }
    // An unbound token has no key to prove.
    ask(&format!("DPoP {}", token.text)).await.challenged(401, "Bearer", "invalid_token");
    for none in ["", "Bearer", "Basic YTpi", &token.text, &format!("Token {}", token.text)] {
        let answer = ask(none).await;
        assert_eq!(answer.status, 401, "{none}: {answer}");
        assert!(!answer.header("www-authenticate").unwrap().contains("error"), "RFC 6750 §3.1");
    }
    let missing = Answer::to(wallet.post("/credential").json(&body)).await.is(401);
    let challenge = missing.header("www-authenticate").unwrap();
    assert!(challenge.contains("DPoP") && challenge.contains("Bearer"), "{challenge}");
    assert!(!challenge.contains("error"), "RFC 6750 §3.1: {challenge}");

    let in_query = wallet.post(&format!("/credential?access_token={}", token.text)).json(&body);
    Answer::to(in_query).await.is(401);
    let mut in_body = body.clone();
    in_body["access_token"] = token.text.clone().into();
    Answer::to(wallet.post("/credential").json(&in_body)).await.is(401);
    let authorization = format!("Bearer {}", token.text);
    let twice = wallet.post("/credential").header("authorization", &authorization);
    Answer::to(twice.header("authorization", &authorization).json(&body))
        .await
        .refused(400, "invalid_request");

    // RFC 9110 §11.1: the name of the scheme has no case.
    ask(&format!("bEaReR {}", token.text)).await.granted();
}

#[tokio::test]
async fn a_bound_token_needs_its_key_at_every_request() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(badge().and(&diploma())).await;
    let (key, other) = (Key::p256(), Key::p256());
    let token = wallet.redeem_bound(&offer, &key).await;
    let body = badge_request(&wallet.proofs(&Key::some(1), &wallet.nonce().await));

    wallet.request(&token, &body).await.challenged(401, "DPoP", "invalid_token");
    let bare = wallet.post("/credential").header("authorization", format!("DPoP {}", token.text));
    Answer::to(bare.json(&body)).await.challenged(401, "DPoP", "invalid_dpop_proof");

    let right = wallet.dpop_with(&key, &token).await;
    let unaware = right.clone().without("nonce").sign(&key);
    let demand = wallet.request_bound(&token, &unaware, &body).await;
    let demand = demand.challenged(401, "DPoP", "use_dpop_nonce");
    assert!(demand.header("www-authenticate").unwrap().contains("algs=\"ES256"), "{demand}");
    assert!(!demand.header("dpop-nonce").unwrap().is_empty());
    let foreign = right.clone().claim("nonce", wallet.nonce().await).sign(&key);
    wallet.request_bound(&token, &foreign, &body).await.challenged(401, "DPoP", "use_dpop_nonce");

    let now = chancery_tests::now();
    for (what, wrong) in [
        ("another key", wallet.dpop_with(&other, &token).await.sign(&other)),
        ("a signature of another", right.sign(&other)),
        ("another method", right.clone().claim("htm", "GET").sign(&key)),
        ("another endpoint", right.clone().claim("htu", format!("{}/token", acme.identifier)).sign(&key)),
        ("another host", right.clone().claim("htu", "https://elsewhere.example/credential").sign(&key)),
        ("another token", right.clone().claim("ath", jose::sha256("another")).sign(&key)),
        ("no token", right.clone().without("ath").sign(&key)),
        ("too old", right.clone().claim("iat", now - 3600).sign(&key)),
        ("too new", right.clone().claim("iat", now + 3600).sign(&key)),
        ("a key proof", wallet.proof(&key, &wallet.nonce().await).sign(&key)),
    ] {
        let answer = wallet.request_bound(&token, &wrong, &body).await;
        assert_eq!(answer.status, 401, "{what}: {answer}");
        answer.challenged(401, "DPoP", "invalid_dpop_proof");
    }
    let good = right.sign(&key);
    let twice = wallet.post("/credential").header("authorization", format!("DPoP {}", token.text));
    let twice = twice.header("DPoP", &good).header("DPoP", &good).json(&body);
    Answer::to(twice).await.challenged(401, "DPoP", "invalid_dpop_proof");

    wallet.request_bound(&token, &good, &body).await.granted();
    let second = request_for("university-diploma", &wallet.proofs(&Key::some(1), &wallet.nonce().await));
    wallet.request_bound(&token, &good, &second).await.challenged(401, "DPoP", "invalid_dpop_proof");
    let fresh = wallet.dpop_with(&key, &token).await.sign(&key);
    wallet.request_bound(&token, &fresh, &second).await.granted();
}

#[tokio::test]
async fn whatever_is_sent_the_issuer_goes_on_issuing() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let good = badge_request(&proofs).to_string();
    let open = |text: &str, times| text.repeat(times);
    let malformed: Vec<Vec<u8>> = [
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "7".to_owned(),
        "\"employee-badge\"".to_owned(),
        format!("{good}{good}"),
        format!("{good},"),
        format!("\u{feff}{good}"),
        good.replacen('{', r#"{"credential_configuration_id":"university-diploma","#, 1),
        good.replacen(r#"{"jwt""#, r#"{"jwt":[],"jwt""#, 1),
        format!("{{\"x\":{}{}", open("[", 10_000), open("]", 10_000)),
        format!("{{\"x\":{}", open("[", 200_000)),
        format!("{{\"x\":{}", open("{\"x\":", 30_000)),
        good.replacen('{', r#"{"x":1e999999,"#, 1),
        good.replacen('{', r#"{"x":"\ud800","#, 1),
        good.replacen('{', r#"{"x":'a',"#, 1),
        good.replacen('{', "{\"x\":\"\u{0}\",", 1),
        good.replacen('{', "{// a remark\n", 1),
        good.replace("employee-badge\"", "employee-badge\\u0000\\ud83e\"").clone(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .chain([
        [good.as_bytes(), &[0xff]].concat(),
        [br#"{"x":""#, [0xc3, 0x28].as_slice(), br#""}"#].concat(),
        vec![0; 1000],
        vec![0xff; 1000],
        // UTF-16.
        good.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ])
    .collect();
    for endpoint in ["credential", "notification"] {
        let code = match endpoint {
            "credential" => "invalid_credential_request",
            _ => "invalid_notification_request",
        };
        for body in &malformed {
            let request = wallet.post(&format!("/{endpoint}")).bearer_auth(&token.text);
            let answer =
                Answer::to(request.header("content-type", "application/json").body(body.clone())).await;
            let body = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            assert_eq!(answer.status, 400, "{body}: {answer}");
            answer.refused(400, code);
        }
        for content_type in ["", "text/plain", "application/jwt", "application/jsonx", "*/*", "json"] {
            let request = wallet.post(&format!("/{endpoint}")).bearer_auth(&token.text);
            let answer = Answer::to(request.header("content-type", content_type).body(good.clone())).await;
            answer.refused(400, code);
        }
        let large = format!("{}{good}", " ".repeat(256 * 1024));
        let request = wallet.post(&format!("/{endpoint}")).bearer_auth(&token.text);
        Answer::to(request.header("content-type", "application/json").body(large)).await.refused(413, code);
    }
    let almost = format!("{}{good}", " ".repeat(256 * 1024 - good.len()));
    let request = wallet.post("/credential").bearer_auth(&token.text);
    let request = request.header("content-type", "Application/JSON; charset=UTF-8").body(almost);
    Answer::to(request).await.granted();
}
