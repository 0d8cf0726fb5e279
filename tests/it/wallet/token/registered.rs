//! Wallets that the issuer knows: `private_key_jwt` (RFC 7523), and HAIP 1.0, which takes no others

use std::sync::Arc;

use chancery_tests::answer::text;
use chancery_tests::jose::{Key, sha256};
use chancery_tests::people::registered::{Registered, with};
use chancery_tests::people::wallet::{Asking, GRANT, badge_request};
use chancery_tests::people::{Token, Wallet, badge};
use chancery_tests::{Acme, Answer, acme, now, platform, together};
use reqwest::Method;
use serde_json::{Value, json};

async fn exchange(wallet: &Wallet, code: &str, assertion: &str) -> Answer {
    let form = [("grant_type", GRANT), ("pre-authorized_code", code)];
    wallet.token(&with(&form, assertion)).await
}

/// The code that the holder consents to, of a request that this client pushed.
async fn consented(acme: &Acme, client: &Registered, asking: &Asking) -> String {
    let holder = acme.holder();
    let assertion = client.signed();
    let form: Vec<_> = asking.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let pushed = Answer::to(acme.wallet().post("/par").form(&with(&form, &assertion))).await.is(201);
    let query = [("client_id", client.id.as_str()), ("request_uri", &text(&pushed.json()["request_uri"]))];
    let page = holder.visit(&query).await.is(200);
    holder.consent(&page).await.remove("code").unwrap()
}

async fn asking_for(wallet: &Wallet, client: &Registered, offer: &chancery_tests::people::Offer) -> Asking {
    let state = wallet.issuer_state(offer).await;
    Asking::scope("employee-badge").with("issuer_state", &state).with("client_id", &client.id)
}

#[tokio::test]
async fn a_registered_wallet_receives_with_either_grant() {
    let acme = acme();
    let (wallet, client) = (acme.wallet(), acme.registered().await);
    let code = wallet.code(&acme.issuer().offer(badge()).await).await;
    let token = Token::read(exchange(&wallet, &code, &client.signed()).await);
    let key = Key::p256();
    let by_another = wallet.proof(&key, &wallet.nonce().await).claim("iss", "somebody").sign(&key);
    wallet.request_badge(&token, &[by_another]).await.refused(400, "invalid_proof");
    let proof = wallet.proof(&key, &wallet.nonce().await).claim("iss", client.id.as_str()).sign(&key);
    wallet.request_badge(&token, &[proof]).await.granted();

    let offer = acme.issuer().offer(badge().with("grant", "authorization_code")).await;
    let asking = asking_for(&wallet, &client, &offer).await;
    let code = consented(&acme, &client, &asking).await;
    let form: Vec<_> =
        asking.redemption(&code).into_iter().filter(|(name, _)| *name != "client_id").collect();
    // Nobody else goes by its name, and nobody else redeems its code.
    let mut alone = form.clone();
    alone.push(("client_id", &client.id));
    wallet.token(&alone).await.refused(401, "invalid_client");
    let other = acme.registered().await;
    wallet.token(&with(&form, &other.signed())).await.refused(400, "invalid_grant");
    let token = Token::read(wallet.token(&with(&form, &client.signed())).await);
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    wallet.request_badge(&token, &proofs).await.granted();
}

#[tokio::test]
async fn an_assertion_is_its_clients_for_this_server_and_serves_once() {
    let acme = acme();
    let (wallet, client) = (acme.wallet(), acme.registered().await);
    let stranger = platform().newcomer().await.registered().await;
    let code = wallet.code(&acme.issuer().offer(badge()).await).await;
    let good = || client.assertion();
    let key = &client.key;
    let wrong = [
        good().sign(&Key::p256()),
        good().claim("aud", "https://another.example").sign(key),
        good().claim("aud", format!("{}/token", acme.identifier)).sign(key),
        good().claim("aud", json!([acme.identifier, "https://another.example"])).sign(key),
        good().claim("iss", stranger.id.as_str()).sign(key),
        good().claim("sub", "cli_00000000000070008000000000000001").sign(key),
        good().claim("exp", now() - 1).sign(key),
        good().claim("exp", now() + 86_400).sign(key),
        good().claim("iat", now() + 3600).sign(key),
        good().without("exp").sign(key),
        good().without("jti").sign(key),
        good().header("typ", "dpop+jwt").sign(key),
        stranger.assertion().claim("aud", acme.identifier.as_str()).sign(&stranger.key),
        "ey.ey.ey".to_owned(),
        String::from("x"),
    ];
    let mut bodies = Vec::new();
    for assertion in &wrong {
        bodies.push(exchange(&wallet, &code, assertion).await.refused(401, "invalid_client").body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "no answer tells more than another");

    let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
    let assertion = client.signed();
    let mut untyped = form.to_vec();
    untyped.push(("client_assertion", &assertion));
    wallet.token(&untyped).await.refused(400, "invalid_request");
    let mut another = with(&form, &assertion);
    another.push(("client_id", "somebody"));
    wallet.token(&another).await.refused(400, "invalid_request");
    let mut two = with(&form, &assertion);
    two.push(("client_secret", "chs_x"));
    wallet.token(&two).await.refused(400, "invalid_request");
    exchange(&wallet, &code, &assertion).await.granted();

    let code = wallet.code(&acme.issuer().offer(badge()).await).await;
    exchange(&wallet, &code, &assertion).await.refused(401, "invalid_client");
    exchange(&wallet, &code, &client.signed()).await.granted();
}

#[tokio::test]
async fn of_one_assertion_at_once_one_is_taken() {
    let acme = acme();
    let (wallet, client) = (acme.wallet(), acme.registered().await);
    let assertion = client.signed();
    let statuses = together((0..6).map(|_| {
        let (wallet, acme, assertion) = (wallet.clone(), acme.clone(), assertion.clone());
        async move {
            let code = wallet.code(&acme.issuer().offer(badge()).await).await;
            exchange(&wallet, &code, &assertion).await.status
        }
    }))
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
}

#[tokio::test]
async fn a_wallet_manages_nothing_and_a_system_receives_nothing() {
    let acme = acme();
    let (wallet, client) = (acme.wallet(), acme.registered().await);
    let credentials = [("grant_type", "client_credentials")];
    let assertion = client.signed();
    wallet.token(&with(&credentials, &assertion)).await.refused(400, "unauthorized_client");
    // A system may have a key instead of a secret, too.
    let key = Key::p256();
    let body = json!({ "scopes": ["auditor"], "jwks": { "keys": [key.jwk()] } });
    let system = acme.issuer().register(&body).await.is(201).json();
    let system = Registered::new(&acme, text(&system["client_id"]), Arc::new(key));
    let token = wallet.token(&with(&credentials, &system.signed())).await.granted();
    acme.holder_of(&text(&token["access_token"])).get("/offers").await.granted();
    let code = wallet.code(&acme.issuer().offer(badge()).await).await;
    exchange(&wallet, &code, &system.signed()).await.refused(400, "unauthorized_client");
}

#[tokio::test]
async fn a_wallet_is_known_by_public_keys_which_may_be_replaced() {
    let acme = acme();
    let issuer = acme.issuer();
    let key = Key::p256();
    let mut private = key.jwk();
    private["d"] = "AA".into();
    let keys = |keys: Value| json!({ "jwks": { "keys": keys } });
    for wrong in [keys(json!([])), keys(json!([private])), keys(json!([{}])), json!({ "jwks": 1 })] {
        assert_eq!(issuer.register(&wrong).await.wrong_parts(), ["/jwks"]);
    }
    let many: Vec<_> = Key::some(6).iter().map(Key::jwk).collect();
    assert_eq!(issuer.register(&keys(json!(many))).await.wrong_parts(), ["/jwks"]);
    assert_eq!(issuer.register(&json!({})).await.wrong_parts(), ["/scopes"]);

    let client = acme.registered().await;
    let next = Key::ed25519();
    let path = format!("/clients/{}", client.id);
    let change = issuer.request(Method::PATCH, &path).header("if-match", "*");
    let changed = Answer::to(change.json(&keys(json!([next.jwk()])))).await.is(200).json();
    assert_eq!(changed["jwks"]["keys"].as_array().unwrap().len(), 1);
    let wallet = acme.wallet();
    let code = wallet.code(&issuer.offer(badge()).await).await;
    exchange(&wallet, &code, &client.signed()).await.refused(401, "invalid_client");
    let assertion = client.assertion().header("alg", "EdDSA").sign(&next);
    exchange(&wallet, &code, &assertion).await.granted();
    let change = issuer.request(Method::PATCH, &path).header("if-match", "*");
    assert_eq!(Answer::to(change.json(&json!({ "jwks": null }))).await.wrong_parts(), ["/scopes"]);
}

#[tokio::test]
async fn haip_is_for_known_wallets_with_pushed_requests_and_bound_tokens() {
    let acme = platform().newcomer().await;
    acme.choose(&json!({ "profile": "haip" })).await.is(200);
    let server = acme.at("/.well-known/oauth-authorization-server");
    let server = Answer::to(acme.http.get(server)).await.is(200).json();
    assert_eq!(server["require_pushed_authorization_requests"], true);
    assert_eq!(server["pre-authorized_grant_anonymous_access_supported"], false);
    let methods = server["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("private_key_jwt")) && !methods.contains(&json!("none")), "{methods:?}");
    assert_eq!(server["token_endpoint_auth_signing_alg_values_supported"], json!(["ES256", "EdDSA"]));

    let (wallet, client, key) = (acme.wallet(), acme.registered().await, Key::p256());
    let code = wallet.code(&acme.issuer().offer(badge()).await).await;
    wallet.exchange(&code).await.refused(401, "invalid_client");
    exchange(&wallet, &code, &client.signed()).await.refused(400, "invalid_dpop_proof");

    let offer = acme.issuer().offer(badge().with("grant", "authorization_code")).await;
    let asking = asking_for(&wallet, &client, &offer).await;
    wallet.push(&asking).await.refused(401, "invalid_client");
    wallet.push(&asking.clone().with("client_id", "anybody")).await.refused(401, "invalid_client");
    let query: Vec<_> = asking.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = acme.holder().visit(&query).await.is(400);
    assert!(page.text().contains("pushed"), "{page}");

    let code = consented(&acme, &client, &asking).await;
    let form = asking.redemption(&code);
    let form: Vec<_> = form.into_iter().filter(|(name, _)| *name != "client_id").collect();
    wallet.token(&with(&form, &client.signed())).await.refused(400, "invalid_dpop_proof");
    let proof = wallet.dpop(&key, "/token").await.sign(&key);
    let assertion = client.signed();
    let granted = wallet.token_request(&with(&form, &assertion)).header("DPoP", proof);
    let token = Token::read(Answer::to(granted).await);
    assert_eq!(token.answer["token_type"], "DPoP");
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let proof = wallet.dpop(&key, "/credential").await.claim("ath", sha256(&token.text)).sign(&key);
    wallet.request_bound(&token, &proof, &badge_request(&proofs)).await.granted();
}
