//! Refresh tokens (RFC 6749 §6, RFC 9700 §4.14, OpenID4VCI §6)

use std::sync::Arc;

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::wallet::{Asking, badge_request, credentials, request_for};
use chancery_tests::people::{Offer, Token, Wallet, badge, diploma};
use chancery_tests::{Acme, Answer, acme, platform, together};
use serde_json::{Value, json};

/// A tenant whose wallets may renew for a month.
async fn renewing() -> Acme {
    let tenant = platform().newcomer().await;
    tenant.choose(&json!({ "refresh_token_days": 30 })).await.is(200);
    tenant
}

async fn refresh_with(wallet: &Wallet, key: &Key, form: &[(&str, &str)]) -> Answer {
    let proof = wallet.dpop(key, "/token").await.sign(key);
    Answer::to(wallet.token_request(form).header("DPoP", proof)).await
}

async fn refresh(wallet: &Wallet, key: &Key, token: &str) -> Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "wallet")];
    refresh_with(wallet, key, &form).await
}

async fn ask(wallet: &Wallet, key: &Key, token: &Token, body: impl Fn(&[String]) -> Value) -> Answer {
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let proof = wallet.dpop_with(key, token).await.sign(key);
    wallet.request_bound(token, &proof, &body(&proofs)).await
}

async fn claim(wallet: &Wallet, key: &Key, token: &Token) -> Answer {
    ask(wallet, key, token, badge_request).await
}

/// A bound token with a refresh token beside it.
async fn begun(acme: &Acme, key: &Key) -> (Offer, Token, String) {
    let offer = acme.issuer().offer(badge()).await;
    let token = acme.wallet().redeem_bound(&offer, key).await;
    let refresh_token = text(&token.answer["refresh_token"]);
    (offer, token, refresh_token)
}

#[tokio::test]
async fn a_credential_is_renewed_with_a_status_of_its_own() {
    let acme = renewing().await;
    acme.choose(&json!({ "credential_repeats": 0 })).await.is(200);
    let (wallet, key) = (acme.wallet(), Key::p256());
    let (offer, token, refresh_token) = begun(&acme, &key).await;
    let mut issued = credentials(&claim(&wallet, &key, &token).await.granted());
    claim(&wallet, &key, &token).await.refused(400, "credential_request_denied");
    let mut refresh_token = refresh_token;
    for _ in 0..2 {
        let renewed = Token::read(refresh(&wallet, &key, &refresh_token).await);
        assert_eq!(renewed.answer["token_type"], "DPoP");
        issued.extend(credentials(&claim(&wallet, &key, &renewed).await.granted()));
        claim(&wallet, &key, &renewed).await.refused(400, "credential_request_denied");
        refresh_token = text(&renewed.answer["refresh_token"]);
    }
    let mut places = Vec::new();
    for credential in &issued {
        let read = acme.verifier().verify(credential).await;
        assert_eq!(read.claims["given_name"], "Ada");
        places.push(read.claims["status"]["status_list"]["idx"].as_u64().unwrap());
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 3, "each has an index of its own");

    assert_eq!(acme.issuer().issued(&offer).await.len(), 1, "each renewal is an offer of its own");
    let offers = acme.issuer().get("/offers").await.granted();
    let renewals = offers["data"].as_array().unwrap().iter().filter(|one| one["renews"] == json!(offer.id));
    assert_eq!(renewals.count(), 2);
}

#[tokio::test]
async fn nothing_is_renewed_unless_the_issuer_says_so_and_the_token_is_bound() {
    let key = Key::p256();
    let once = acme();
    let metadata = |tenant: &Acme| {
        let (http, url) = (tenant.http.clone(), tenant.at("/.well-known/oauth-authorization-server"));
        async move { Answer::to(http.get(url)).await.is(200).json()["grant_types_supported"].clone() }
    };
    let token = once.wallet().redeem_bound(&once.issuer().offer(badge()).await, &key).await;
    assert!(token.answer.get("refresh_token").is_none());
    assert!(!metadata(&once).await.as_array().unwrap().contains(&json!("refresh_token")));

    let acme = renewing().await;
    let unbound = acme.wallet().redeem(&acme.issuer().offer(badge()).await).await;
    assert!(unbound.answer.get("refresh_token").is_none(), "a token that anybody may use is not renewed");
    assert!(metadata(&acme).await.as_array().unwrap().contains(&json!("refresh_token")));

    // Whoever turns it off, ends it.
    let (_, _, token) = begun(&acme, &key).await;
    acme.choose(&json!({ "refresh_token_days": 0 })).await.is(200);
    refresh(&acme.wallet(), &key, &token).await.refused(400, "unsupported_grant_type");
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_family() {
    let acme = renewing().await;
    let (wallet, key) = (acme.wallet(), Key::p256());
    let (_, _, first) = begun(&acme, &key).await;
    let renewed = Token::read(refresh(&wallet, &key, &first).await);
    let second = text(&renewed.answer["refresh_token"]);
    refresh(&wallet, &key, &first).await.refused(400, "invalid_grant");
    refresh(&wallet, &key, &second).await.refused(400, "invalid_grant");
    let dead = claim(&wallet, &key, &renewed).await;
    dead.challenged(401, "DPoP", "invalid_token");
}

#[tokio::test]
async fn what_was_renewed_is_had_again_until_its_family_ends() {
    let acme = renewing().await;
    let (wallet, key) = (acme.wallet(), Key::p256());
    let (_, _, first) = begun(&acme, &key).await;
    let renewed = Token::read(refresh(&wallet, &key, &first).await);
    for _ in 0..2 {
        claim(&wallet, &key, &renewed).await.granted();
    }
    refresh(&wallet, &key, &first).await.refused(400, "invalid_grant");
    claim(&wallet, &key, &renewed).await.refused(400, "credential_request_denied");

    // What is suspended of a family is suspended of all of it.
    let (offer, token, first) = begun(&acme, &key).await;
    claim(&wallet, &key, &token).await.granted();
    let renewed = Token::read(refresh(&wallet, &key, &first).await);
    claim(&wallet, &key, &renewed).await.granted();
    let credential = acme.issuer().issued(&offer).await.remove(0);
    acme.issuer().change(&credential, "suspend").await.is(200);
    claim(&wallet, &key, &renewed).await.refused(400, "credential_request_denied");
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_succeeds() {
    let acme = renewing().await;
    let (wallet, key) = (acme.wallet(), Arc::new(Key::p256()));
    let (_, _, token) = begun(&acme, &key).await;
    let statuses = together((0..8).map(|_| {
        let (wallet, key, token) = (wallet.clone(), key.clone(), token.clone());
        async move { refresh(&wallet, &key, &token).await.status }
    }))
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
}

#[tokio::test]
async fn a_refresh_token_is_good_for_who_it_was_given_to() {
    let acme = renewing().await;
    let (wallet, key) = (acme.wallet(), Key::p256());
    let offer = acme.issuer().offer(badge().with("grant", "authorization_code")).await;
    let (asking, code) = wallet.consented(&offer, &Asking::scope("employee-badge")).await;
    let granted = refresh_with(&wallet, &key, &asking.redemption(&code)).await;
    let token = text(&Token::read(granted).answer["refresh_token"]);

    refresh(&wallet, &Key::p256(), &token).await.refused(400, "invalid_grant");
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("client_id", "wallet")];
    wallet.token(&form).await.refused(400, "invalid_dpop_proof");
    let another = [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("client_id", "x")];
    refresh_with(&wallet, &key, &another).await.refused(400, "invalid_grant");
    refresh_with(&wallet, &key, &another[..2]).await.refused(400, "invalid_grant");
    for wrong in ["unheard-of", &token[1..], &format!("{token}A"), &code] {
        refresh(&wallet, &key, wrong).await.refused(400, "invalid_grant");
    }
    wallet.token(&[("grant_type", "refresh_token")]).await.refused(400, "invalid_request");
    // None of that used it up.
    let renewed = Token::read(refresh(&wallet, &key, &token).await);
    assert_eq!(renewed.answer["scope"], "employee-badge");
    claim(&wallet, &key, &renewed).await.granted();

    // The code, a second time: everything that followed from it is over.
    let next = text(&renewed.answer["refresh_token"]);
    let again = refresh_with(&wallet, &key, &asking.redemption(&code)).await;
    again.refused(400, "invalid_grant");
    refresh(&wallet, &key, &next).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_refresh_grants_no_more_than_was_granted() {
    let acme = renewing().await;
    let (wallet, key) = (acme.wallet(), Key::p256());
    let both = badge().and(&diploma()).with("grant", "authorization_code");
    let offer = acme.issuer().offer(both).await;
    let (asking, code) = wallet.consented(&offer, &Asking::details(&["employee-badge"])).await;
    let granted = Token::read(refresh_with(&wallet, &key, &asking.redemption(&code)).await);
    let token = text(&granted.answer["refresh_token"]);
    let detail =
        |id: &str| json!([{ "type": "openid_credential", "credential_configuration_id": id }]).to_string();
    let form = |token: &str, id: &str| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token.to_owned()),
            ("client_id", "wallet".to_owned()),
            ("authorization_details", detail(id)),
        ]
    };
    let ask_for = async |token: &str, id: &str| {
        let form = form(token, id);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        refresh_with(&wallet, &key, &form).await
    };
    ask_for(&token, "university-diploma").await.refused(400, "invalid_authorization_details");
    let renewed = Token::read(ask_for(&token, "employee-badge").await);
    let identifiers =
        |token: &Token| token.answer["authorization_details"][0]["credential_identifiers"].clone();
    assert_eq!(identifiers(&renewed), identifiers(&granted), "the same from token to token");
    let diploma = |proofs: &[String]| request_for("university-diploma", proofs);
    ask(&wallet, &key, &renewed, diploma).await.refused(400, "invalid_credential_request");
}

#[tokio::test]
async fn what_is_suspended_or_revoked_is_not_renewed() {
    let acme = renewing().await;
    let (wallet, issuer, key) = (acme.wallet(), acme.issuer(), Key::p256());
    let (offer, token, first) = begun(&acme, &key).await;
    claim(&wallet, &key, &token).await.granted();
    let credential = issuer.issued(&offer).await.remove(0);
    issuer.change(&credential, "suspend").await.is(200);
    refresh(&wallet, &key, &first).await.refused(400, "invalid_grant");
    issuer.change(&credential, "reinstate").await.is(200);
    let renewed = Token::read(refresh(&wallet, &key, &first).await);
    // The wallet has not come for the renewed one yet: revoking the first stops it, too.
    issuer.change(&credential, "revoke").await.is(200);
    claim(&wallet, &key, &renewed).await.challenged(401, "DPoP", "invalid_token");
    refresh(&wallet, &key, &text(&renewed.answer["refresh_token"])).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_session_that_is_forgotten_is_not_renewed() {
    let acme = renewing().await;
    let (wallet, key) = (acme.wallet(), Key::p256());
    let (offer, token, refresh_token) = begun(&acme, &key).await;
    claim(&wallet, &key, &token).await.granted();
    acme.issuer().delete(&format!("/sessions/{}", offer.id)).await.is(204);
    refresh(&wallet, &key, &refresh_token).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn another_tenants_refresh_token_is_worth_nothing() {
    let (mine, theirs, key) = (renewing().await, renewing().await, Key::p256());
    let (_, _, token) = begun(&theirs, &key).await;
    refresh(&mine.wallet(), &key, &token).await.refused(400, "invalid_grant");
    refresh(&theirs.wallet(), &key, &token).await.granted();
}
