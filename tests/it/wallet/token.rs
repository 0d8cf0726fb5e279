//! `POST /token` (OpenID4VCI §6, RFC 6749 §5)

pub(crate) mod attested;
mod clients;
mod refresh;
mod registered;

use chancery_tests::jose::{self, Key};
use chancery_tests::people::wallet::GRANT;
use chancery_tests::people::{Wallet, badge, diploma};
use chancery_tests::{Answer, acme};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_code_becomes_a_token_with_nothing_superfluous() {
    let acme = acme();
    let offer = acme.issuer().offer(badge()).await;
    let token = acme.wallet().redeem(&offer).await;
    let members: Vec<_> = token.answer.as_object().unwrap().keys().collect();
    assert_eq!(members, ["access_token", "token_type", "expires_in"]);
    assert_eq!(token.answer["token_type"], "Bearer");
    let lifetime = token.answer["expires_in"].as_u64().unwrap();
    assert!((1..=300).contains(&lifetime), "unbound tokens live five minutes at most (OpenID4VCI §13)");
    assert_eq!(acme.issuer().state(&offer).await, "redeemed");
}

#[tokio::test]
async fn a_code_redeems_once() {
    let acme = acme();
    let offer = acme.issuer().offer(badge()).await;
    let code = acme.wallet().code(&offer).await;
    acme.wallet().exchange(&code).await.granted();
    acme.wallet().exchange(&code).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn unknown_used_withdrawn_and_malformed_codes_are_one_answer() {
    let acme = acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let used = wallet.code(&issuer.offer(badge()).await).await;
    wallet.exchange(&used).await.granted();
    let withdrawn = issuer.offer(badge()).await;
    let withdrawn_code = wallet.code(&withdrawn).await;
    issuer.delete(&format!("/offers/{}", withdrawn.id)).await.is(204);
    let unknown = jose::base64url([7; 32]);

    let mut bodies = Vec::new();
    for code in [used.as_str(), &withdrawn_code, &unknown, "x", "'; drop table offers; --", "\u{0}"] {
        bodies.push(wallet.exchange(code).await.refused(400, "invalid_grant").body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "no answer tells more than another");
}

#[tokio::test]
async fn a_malformed_request_is_refused_and_costs_nothing() {
    let acme = acme();
    let wallet = acme.wallet();
    let code = wallet.code(&acme.issuer().offer(badge()).await).await;
    let refused: [(&[(&str, &str)], &str); 8] = [
        (&[], "invalid_request"),
        (&[("grant_type", GRANT)], "invalid_request"),
        (&[("grant_type", GRANT), ("pre-authorized_code", "")], "invalid_request"),
        (&[("pre-authorized_code", &code)], "invalid_request"),
        (&[("grant_type", "authorization_code"), ("code", &code)], "invalid_request"),
        (&[("grant_type", "refresh_token"), ("refresh_token", &code)], "unsupported_grant_type"),
        // The underscore of older drafts.
        (&[("grant_type", GRANT), ("pre_authorized_code", &code)], "invalid_request"),
        (
            &[("grant_type", GRANT), ("pre-authorized_code", &code), ("pre-authorized_code", &code)],
            "invalid_request",
        ),
    ];
    for (form, error) in refused {
        wallet.token(form).await.refused(400, error);
    }
    let json = json!({ "grant_type": GRANT, "pre-authorized_code": code });
    Answer::to(wallet.post("/token").json(&json)).await.refused(400, "invalid_request");
    let untyped = format!("grant_type={GRANT}&pre-authorized_code={code}");
    Answer::to(wallet.post("/token").body(untyped.clone())).await.refused(400, "invalid_request");
    Answer::to(wallet.post(&format!("/token?{untyped}"))).await.refused(400, "invalid_request");
    let form = "application/x-www-form-urlencoded";
    let large = format!("{untyped}&padding={}", "x".repeat(256 * 1024));
    let large = wallet.post("/token").header("content-type", form).body(large);
    Answer::to(large).await.refused(413, "invalid_request");
    let binary = wallet.post("/token").header("content-type", form).body(vec![0xff; 100]);
    Answer::to(binary).await.refused(400, "invalid_request");

    wallet.exchange(&code).await.granted();
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let acme = acme();
    let wallet = acme.wallet();
    let code = wallet.code(&acme.issuer().offer(badge()).await).await;
    let form = [
        ("scope", "employee-badge unheard-of"),
        ("client_id", "anybody"),
        ("grant_type", GRANT),
        ("x-unheard-of", "\u{1f980}"),
        ("pre-authorized_code", &code),
        ("tx_code", ""),
    ];
    wallet.token(&form).await.granted();
}

#[tokio::test]
async fn other_methods_are_refused_in_the_protocols_shape() {
    let stranger = acme().stranger();
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        for path in ["/token", "/nonce", "/credential", "/notification"] {
            let answer = stranger.ask(method.clone(), path).await.refused(405, "invalid_request");
            assert_eq!(answer.header("allow"), Some("POST"), "RFC 9110 §15.5.6");
        }
    }
}

async fn with_tx_code(wallet: &Wallet, code: &str, tx_code: &str) -> Answer {
    wallet.token(&[("grant_type", GRANT), ("pre-authorized_code", code), ("tx_code", tx_code)]).await
}

/// Six digits, but not these.
fn another(tx_code: &str) -> String {
    let number: u32 = tx_code.parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}

#[tokio::test]
async fn a_transaction_code_is_needed_where_it_was_promised_and_only_there() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(badge().tx_code()).await;
    let grant = &wallet.read(&offer).await["grants"][GRANT];
    assert_eq!(grant["tx_code"]["length"], 6);
    assert_eq!(grant["tx_code"]["input_mode"], "numeric");
    assert!(grant["tx_code"]["description"].as_str().unwrap().len() <= 300);
    let code = wallet.code(&offer).await;
    wallet.exchange(&code).await.refused(400, "invalid_request");
    let tx_code = offer.tx_code.clone().unwrap();
    assert!(tx_code.len() == 6 && tx_code.bytes().all(|byte| byte.is_ascii_digit()), "{tx_code}");
    with_tx_code(&wallet, &code, &tx_code).await.granted();

    let without = wallet.code(&acme.issuer().offer(badge()).await).await;
    with_tx_code(&wallet, &without, "123456").await.refused(400, "invalid_request");
    wallet.exchange(&without).await.granted();
}

#[tokio::test]
async fn the_right_transaction_code_is_taken_at_the_fifth_attempt() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(badge().tx_code()).await;
    let (code, right) = (wallet.code(&offer).await, offer.tx_code.unwrap());
    for _ in 0..4 {
        with_tx_code(&wallet, &code, &another(&right)).await.refused(400, "invalid_grant");
    }
    with_tx_code(&wallet, &code, &right).await.granted();
}

#[tokio::test]
async fn the_right_transaction_code_is_too_late_at_the_sixth_attempt() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(badge().tx_code()).await;
    let (code, right) = (wallet.code(&offer).await, offer.tx_code.clone().unwrap());
    for _ in 0..5 {
        with_tx_code(&wallet, &code, &another(&right)).await.refused(400, "invalid_grant");
    }
    with_tx_code(&wallet, &code, &right).await.refused(400, "invalid_grant");
    wallet.exchange(&code).await.refused(400, "invalid_grant");
    assert_eq!(acme.issuer().state(&offer).await, "failed");
}

#[tokio::test]
async fn only_the_very_digits_are_the_transaction_code() {
    let acme = acme();
    let wallet = acme.wallet();
    for disguise in [
        |right: &str| format!(" {right}"),
        |right: &str| format!("{right}\n"),
        |right: &str| right[1..].to_owned(),
        |right: &str| format!("0{right}"),
        // Digits of another script.
        |right: &str| right.chars().map(|c| char::from_u32(c as u32 - '0' as u32 + 0x660).unwrap()).collect(),
    ] {
        let offer = acme.issuer().offer(badge().tx_code()).await;
        let code = wallet.code(&offer).await;
        let wrong = disguise(&offer.tx_code.clone().unwrap());
        with_tx_code(&wallet, &code, &wrong).await.refused(400, "invalid_grant");
    }
}

async fn with_details(wallet: &Wallet, code: &str, details: &str) -> Answer {
    let form = [("grant_type", GRANT), ("pre-authorized_code", code), ("authorization_details", details)];
    wallet.token(&form).await
}

#[tokio::test]
async fn authorization_details_are_answered_with_identifiers() {
    let acme = acme();
    let wallet = acme.wallet();
    let code = wallet.code(&acme.issuer().offer(badge().and(&diploma())).await).await;
    let details = json!([{
        "type": "openid_credential", "credential_configuration_id": "employee-badge",
        "locations": [acme.identifier], "claims": [{ "path": ["given_name"] }], "unheard_of": 1,
    }]);
    let answer = with_details(&wallet, &code, &details.to_string()).await.granted();
    let granted = answer["authorization_details"].as_array().unwrap();
    assert_eq!(granted.len(), 1, "what was not asked for is not granted");
    assert_eq!(granted[0]["type"], "openid_credential");
    assert_eq!(granted[0]["credential_configuration_id"], "employee-badge");
    assert_eq!(granted[0]["credential_identifiers"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn authorization_details_that_ask_for_more_are_refused_and_cost_nothing() {
    let acme = acme();
    let wallet = acme.wallet();
    let code = wallet.code(&acme.issuer().offer(badge()).await).await;
    let of = |id: &str| json!({ "type": "openid_credential", "credential_configuration_id": id });
    let badge = of("employee-badge");
    let unfit: [Value; 7] = [
        json!([]),
        json!([of("university-diploma")]),
        json!([of("unheard-of")]),
        json!([badge, badge]),
        json!([badge, of("university-diploma")]),
        json!([{ "type": "payment", "credential_configuration_id": "employee-badge" }]),
        json!([{ "type": "openid_credential", "format": "dc+sd-jwt" }]),
    ];
    for details in unfit {
        let answer = with_details(&wallet, &code, &details.to_string()).await;
        answer.refused(400, "invalid_authorization_details");
    }
    for broken in ["{", "{}", "null", "[1]", "[{}]", r#"[{"type":"a","type":"b"}]"#, &"[".repeat(5000)] {
        with_details(&wallet, &code, broken).await.refused(400, "invalid_request");
    }
    wallet.exchange(&code).await.granted();
}

#[tokio::test]
async fn a_dpop_proof_without_the_servers_nonce_is_told_the_nonce() {
    let acme = acme();
    let wallet = acme.wallet();
    let code = wallet.code(&acme.issuer().offer(badge()).await).await;
    let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
    let key = Key::p256();
    let url = format!("{}/token", acme.identifier);
    let ask = |proof: String| Answer::to(wallet.token_request(&form).header("DPoP", proof));

    let answer = ask(jose::dpop_proof(&key, &url, None).sign(&key)).await.refused(400, "use_dpop_nonce");
    let nonce = answer.header("dpop-nonce").unwrap();
    for foreign in ["made-up".to_owned(), wallet.nonce().await] {
        let proof = jose::dpop_proof(&key, &url, Some(&foreign)).sign(&key);
        let answer = ask(proof).await.refused(400, "use_dpop_nonce");
        assert!(answer.header("dpop-nonce").is_some());
    }
    let token = ask(jose::dpop_proof(&key, &url, Some(nonce)).sign(&key)).await.granted();
    assert_eq!(token["token_type"], "DPoP");
}

#[tokio::test]
async fn a_wrong_dpop_proof_is_refused_and_costs_nothing() {
    let acme = acme();
    let wallet = acme.wallet();
    let code = wallet.code(&acme.issuer().offer(badge()).await).await;
    let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
    let (key, other) = (Key::p256(), Key::p256());
    let right = wallet.dpop(&key, "/token").await;
    let now = chancery_tests::now();
    let mut private = key.jwk();
    private["d"] = jose::base64url([1; 32]).into();

    let mut wrong: Vec<String> = [
        right.clone().header("typ", "JWT"),
        right.clone().without_header("typ"),
        right.clone().without_header("jwk"),
        right.clone().header("jwk", other.jwk()),
        right.clone().header("jwk", private),
        right.clone().header("alg", "none"),
        right.clone().header("alg", "HS256"),
        right.clone().header("alg", "EdDSA"),
        right.clone().header("crit", json!(["exp"])),
        right.clone().claim("htm", "GET"),
        right.clone().claim("htm", "post"),
        right.clone().without("htm"),
        right.clone().claim("htu", format!("{}/credential", acme.identifier)),
        right.clone().claim("htu", "https://elsewhere.example/token"),
        right.clone().claim("htu", format!("{}/token/", acme.identifier)),
        right.clone().without("htu"),
        right.clone().claim("iat", now - 3600),
        right.clone().claim("iat", now + 3600),
        right.clone().claim("iat", now.to_string()),
        right.clone().without("iat"),
        right.clone().without("jti"),
        right.clone().claim("jti", ""),
        right.clone().claim("jti", 7),
        right.clone().claim("nonce", 7),
    ]
    .iter()
    .map(|proof| proof.sign(&key))
    .collect();
    let good = right.sign(&key);
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    wrong.push(format!("{unsigned}."));
    wrong.push(unsigned.to_owned());
    wrong.push(format!("{good}, {good}"));
    wrong.push("x".to_owned());
    for proof in wrong {
        let answer = Answer::to(wallet.token_request(&form).header("DPoP", &proof)).await;
        assert_eq!(answer.status, 400, "{proof}: {answer}");
        answer.refused(400, "invalid_dpop_proof");
    }
    let twice = wallet.token_request(&form).header("DPoP", &good).header("DPoP", &good);
    Answer::to(twice).await.refused(400, "invalid_dpop_proof");

    // Query and fragment do not count, nor the case of scheme and host, nor what nobody knows.
    let shouted = acme.identifier.to_uppercase();
    let odd = right.claim("htu", format!("{shouted}/token?a=b#c")).claim("nbf", now + 9).claim("x", "y");
    let token = Answer::to(wallet.token_request(&form).header("dpop", odd.sign(&key))).await.granted();
    assert_eq!(token["token_type"], "DPoP");
}

#[tokio::test]
async fn a_dpop_proof_serves_once_at_the_token_endpoint() {
    let acme = acme();
    let wallet = acme.wallet();
    let key = Key::p256();
    let proof = wallet.dpop(&key, "/token").await.sign(&key);
    let [first, second] = [
        wallet.code(&acme.issuer().offer(badge()).await).await,
        wallet.code(&acme.issuer().offer(badge()).await).await,
    ];
    let ask = |code: String| {
        let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
        Answer::to(wallet.token_request(&form).header("DPoP", &proof))
    };
    ask(first).await.granted();
    ask(second.clone()).await.refused(400, "invalid_dpop_proof");
    wallet.exchange(&second).await.granted();
}
