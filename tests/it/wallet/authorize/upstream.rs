//! Holders sign in at an OpenID Provider of the tenant's choice (OpenID Connect Core §3.1, RFC 9207, RFC 9700 §4)

use std::collections::BTreeMap;

use chancery_tests::jose::Key;
use chancery_tests::openid_provider::{CLIENT, Signing};
use chancery_tests::people::holder::{redirected, sent_away};
use chancery_tests::people::wallet::{Asking, badge_request, credentials};
use chancery_tests::people::{Holder, Token};
use chancery_tests::{Acme, Answer, OpenIdProvider, platform};
use reqwest::Method;
use serde_json::{Value, json};

/// What is set of a provider whose word is enough for badges.
fn terms(provider: &OpenIdProvider) -> Value {
    json!({
        "label": "Single sign-on", "issuer": provider.issuer(), "client_id": CLIENT.0, "client_secret": CLIENT.1,
        "scopes": ["profile"], "configuration_ids": ["employee-badge"], "claims": { "employee_id": "sub" },
    })
}

async fn set(acme: &Acme, name: &str, terms: &Value) -> Answer {
    let request = acme.issuer().request(Method::PUT, &format!("/providers/{name}"));
    Answer::to(request.json(terms)).await
}

/// A tenant whose holders sign in at a provider, and that.
async fn with_provider() -> (Acme, OpenIdProvider) {
    let (acme, provider) = (platform().newcomer().await, OpenIdProvider::start().await);
    set(&acme, "sso", &terms(&provider)).await.is(200);
    (acme, provider)
}

/// The page on which a stranger is asked who they are.
async fn asked(acme: &Acme) -> (Asking, Answer) {
    let asking = Asking::scope("employee-badge");
    let page = acme.holder().open(&acme.wallet().pushed(&asking).await).await.is(200);
    (asking, page)
}

/// Goes there and comes back.
async fn round(holder: &Holder, provider: &OpenIdProvider, page: &Answer) -> Answer {
    let (location, cookie) = sent_away(&holder.leave(page, "sso").await);
    holder.come_back("sso", &provider.sign_in(&location), &[cookie]).await
}

#[tokio::test]
async fn a_holder_signs_in_elsewhere_and_receives_what_that_says_of_them() {
    let (acme, provider) = with_provider().await;
    let (wallet, holder) = (acme.wallet(), acme.holder());
    let (asking, page) = asked(&acme).await;
    assert!(page.text().contains("Continue with Single sign-on"), "{page}");
    assert!(provider.asked().is_empty(), "nobody is asked before the person says so");

    let (location, cookie) = sent_away(&holder.leave(&page, "sso").await);
    assert!(location.contains("scope=openid+profile"), "{location}");
    let back = provider.sign_in(&location);
    let page = holder.come_back("sso", &back, &[cookie]).await.is(200);
    assert!(page.header("set-cookie").unwrap().contains("Max-Age=0"), "{page}");
    for shown in ["Put this into your wallet?", "Ada", "Lovelace", "1843-07"] {
        assert!(page.text().contains(shown), "{shown}: {page}");
    }
    let told = holder.consent(&page).await;
    let token = Token::read(wallet.token(&asking.redemption(&told["code"])).await);
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let answer = wallet.request(&token, &badge_request(&proofs)).await.granted();
    let claims = acme.verifier().verify(&credentials(&answer)[0]).await.claims;
    for (claim, value) in [("given_name", "Ada"), ("family_name", "Lovelace"), ("employee_id", "1843-07")] {
        assert_eq!(claims[claim], value);
    }
    assert!(claims.get("nonce").is_none() && claims.get("aud").is_none());
    let offers = acme.issuer().get("/offers").await.granted();
    assert_eq!(offers["data"][0]["state"], "issued");
}

#[tokio::test]
async fn an_id_token_that_is_not_good_signs_nobody_in() {
    let (acme, provider) = with_provider().await;
    let holder = acme.holder();
    let (asking, page) = asked(&acme).await;
    let now = chancery_tests::now();
    let other = json!("https://op.example");
    for (said, why) in [
        (json!({ "nonce": "another" }), "claim nonce"),
        (json!({ "nonce": null }), "claim nonce"),
        (json!({ "aud": "another" }), "claim aud"),
        (json!({ "aud": [CLIENT.0, "another"] }), "claim aud"),
        (json!({ "azp": "another" }), "claim azp"),
        (json!({ "iss": other }), "claim iss"),
        (json!({ "iss": format!("{}/", provider.issuer()) }), "claim iss"),
        (json!({ "exp": now - 120 }), "expired"),
        (json!({ "iat": now - 3600 }), "another time"),
        (json!({ "sub": null }), "claim sub"),
    ] {
        provider.says(said.clone());
        let shown = round(&holder, &provider, &page).await.is(422);
        assert!(shown.text().contains(why), "{said}: {shown}");
        assert!(!shown.text().contains("Put this"), "{said}");
    }
    provider.says(Value::Null);
    for (signing, why) in [
        (Signing::None, "algorithm"),
        (Signing::Secret, "algorithm"),
        (Signing::Another, "does not verify"),
        (Signing::Unpublished, "does not publish"),
    ] {
        provider.signs(signing);
        let shown = round(&holder, &provider, &page).await.is(422);
        assert!(shown.text().contains(why), "{signing:?}: {shown}");
        assert!(!shown.text().contains(CLIENT.1) && !shown.text().contains("token-of-op"), "{shown}");
    }
    // Nothing is lost by it.
    provider.signs(Signing::Published);
    let page = round(&holder, &provider, &page).await.is(200);
    assert!(redirected(&holder.decide(&page, "consent").await).contains_key("code"));
    drop(asking);
}

#[tokio::test]
async fn a_sign_in_ends_once_and_in_the_browser_that_began_it() {
    let (acme, provider) = with_provider().await;
    let holder = acme.holder();
    let (_, page) = asked(&acme).await;
    let begun = async || sent_away(&holder.leave(&page, "sso").await);
    let ((first, own), (second, anothers)) = (begun().await, begun().await);
    let back = provider.sign_in(&first);
    for cookies in [vec![], vec![anothers.clone()]] {
        let refused = holder.come_back("sso", &back, &cookies).await.is(400);
        assert!(refused.text().contains("not begun in this browser"), "{refused}");
    }
    // A cookie under the name of another.
    let name = |cookie: &str| cookie.split_once('=').unwrap().0.to_owned();
    let moved = format!("{}={}", name(&own), anothers.split_once('=').unwrap().1);
    holder.come_back("sso", &back, &[moved]).await.is(400);
    for state in ["", "0", &"0".repeat(64), "\u{1f980}"] {
        let mut changed = back.clone();
        changed.insert("state".to_owned(), state.to_owned());
        holder.come_back("sso", &changed, std::slice::from_ref(&own)).await.is(400);
    }
    holder.come_back("elsewhere", &back, std::slice::from_ref(&own)).await.is(400);
    assert!(!provider.asked().iter().any(|path| path.ends_with("/token")), "no code was sent on");

    holder.come_back("sso", &back, &[anothers.clone(), own.clone()]).await.is(200);
    let again = holder.come_back("sso", &back, &[own]).await.is(400);
    assert!(again.text().contains("finished before"), "{again}");
    holder.come_back("sso", &provider.sign_in(&second), &[anothers]).await.is(200);
}

#[tokio::test]
async fn a_provider_is_its_tenants_and_for_what_the_tenant_says() {
    let (acme, provider) = with_provider().await;
    let neighbour = platform().newcomer().await;
    let (_, theirs) = asked(&neighbour).await;
    assert!(!theirs.text().contains("Continue with"), "{theirs}");
    neighbour.holder().leave(&theirs, "sso").await.is(400);
    let (_, page) = asked(&acme).await;
    neighbour.holder().leave(&page, "sso").await.is(400);
    let (location, cookie) = sent_away(&acme.holder().leave(&page, "sso").await);
    let back = provider.sign_in(&location);
    neighbour.holder().come_back("sso", &back, std::slice::from_ref(&cookie)).await.is(400);
    acme.holder().come_back("sso", &back, &[cookie]).await.is(200);

    // Not for diplomas; but for badges, in whatever format.
    let diploma = Asking::scope("university-diploma");
    let page = acme.holder().open(&acme.wallet().pushed(&diploma).await).await;
    assert!(!page.text().contains("Continue with"), "{page}");
    acme.holder().leave(&page, "sso").await.is(400);
    let both = Asking::scope("employee-badge university-diploma");
    let page = acme.holder().open(&acme.wallet().pushed(&both).await).await;
    assert!(!page.text().contains("Continue with"), "{page}");
}

#[tokio::test]
async fn while_a_provider_is_away_nothing_is_lost() {
    let (acme, provider) = with_provider().await;
    let holder = acme.holder();
    let (_, page) = asked(&acme).await;
    provider.is_away(&["/.well-known/openid-configuration"]);
    let shown = holder.leave(&page, "sso").await.is(422);
    assert!(shown.text().contains("its configuration answered 500"), "{shown}");
    assert!(shown.text().contains("Continue with Single sign-on"), "{shown}");
    for (path, why) in [("/token", "token endpoint answered 500"), ("/jwks", "key set answered 500")] {
        provider.is_away(&[path]);
        let shown = round(&holder, &provider, &page).await.is(422);
        assert!(shown.text().contains(why), "{shown}");
    }
    // The wallet can be told at any time.
    assert_eq!(holder.refuse(&shown).await["error"], "access_denied");
    let (_, page) = asked(&acme).await;
    provider.is_away(&[]);
    let page = round(&holder, &provider, &page).await.is(200);
    assert!(page.text().contains("Put this into your wallet?"));
}

#[tokio::test]
async fn the_template_has_the_last_word_on_what_a_provider_says() {
    let (acme, provider) = with_provider().await;
    let holder = acme.holder();
    let (_, page) = asked(&acme).await;
    provider.knows(json!({ "sub": "1843-07", "given_name": "Ada" }));
    let shown = round(&holder, &provider, &page).await.is(422);
    assert!(shown.text().contains("What Single sign-on says of you is not enough"), "{shown}");
    assert!(shown.text().contains("family_name"), "{shown}");
    provider.knows(json!({ "sub": "1843-07", "given_name": 7, "family_name": "Lovelace" }));
    let shown = round(&holder, &provider, &page).await.is(422);
    assert!(shown.text().contains("given_name"), "{shown}");
    assert_eq!(acme.issuer().get("/offers").await.granted()["data"], json!([]), "nothing was offered");
}

#[tokio::test]
async fn answers_of_others_and_errors_are_not_taken_for_a_sign_in() {
    let (acme, provider) = with_provider().await;
    let holder = acme.holder();
    let (_, page) = asked(&acme).await;
    let with = async |change: &dyn Fn(&mut BTreeMap<String, String>)| {
        let (location, cookie) = sent_away(&holder.leave(&page, "sso").await);
        let mut back = provider.sign_in(&location);
        change(&mut back);
        holder.come_back("sso", &back, &[cookie]).await
    };
    let other = |back: &mut BTreeMap<String, String>| {
        back.insert("iss".to_owned(), "https://evil.example".to_owned());
    };
    let shown = with(&other).await.is(422);
    assert!(shown.text().contains("not from it"), "{shown}");
    // Who does not promise to say who it is, may leave it out.
    let unnamed = |back: &mut BTreeMap<String, String>| drop(back.remove("iss"));
    with(&unnamed).await.is(200);
    for (error, shown) in
        [("access_denied", "access_denied"), ("<script>", "something that is no error code")]
    {
        let refused = |back: &mut BTreeMap<String, String>| {
            back.remove("code");
            back.insert("error".to_owned(), error.to_owned());
        };
        let page = with(&refused).await.is(422);
        assert!(page.text().contains(shown) && !page.text().contains("<script"), "{page}");
    }
    let wrong = |back: &mut BTreeMap<String, String>| drop(back.insert("code".to_owned(), "x".to_owned()));
    let page_of_wrong = with(&wrong).await.is(422);
    assert!(page_of_wrong.text().contains("token endpoint answered 400"), "{page_of_wrong}");

    // Who promises it, must do so.
    let promising = OpenIdProvider::start().await;
    promising.publishes(json!({ "authorization_response_iss_parameter_supported": true }));
    set(&acme, "sso", &terms(&promising)).await.is(200);
    let (location, cookie) = sent_away(&holder.leave(&page, "sso").await);
    let mut back = promising.sign_in(&location);
    back.remove("iss");
    let shown = holder.come_back("sso", &back, &[cookie]).await.is(422);
    assert!(shown.text().contains("not from it"), "{shown}");

    // Nor does one publish the configuration of another.
    let posing = OpenIdProvider::start().await;
    posing.publishes(json!({ "issuer": provider.issuer() }));
    set(&acme, "sso", &terms(&posing)).await.is(200);
    let shown = holder.leave(&page, "sso").await.is(422);
    assert!(shown.text().contains("another issuer"), "{shown}");
}

#[tokio::test]
async fn a_provider_that_was_replaced_meanwhile_signs_nobody_in() {
    let (acme, provider) = with_provider().await;
    let holder = acme.holder();
    let (_, page) = asked(&acme).await;
    let (location, cookie) = sent_away(&holder.leave(&page, "sso").await);
    let another = OpenIdProvider::start().await;
    set(&acme, "sso", &terms(&another)).await.is(200);
    let shown = holder.come_back("sso", &provider.sign_in(&location), &[cookie]).await.is(422);
    assert!(shown.text().contains("changed meanwhile"), "{shown}");
    assert!(another.asked().is_empty() && !provider.asked().iter().any(|path| path.ends_with("/token")));
}

#[tokio::test]
async fn userinfo_adds_what_it_knows_of_the_same_person() {
    let (acme, provider) = with_provider().await;
    let holder = acme.holder();
    let mut terms = terms(&provider);
    terms["userinfo"] = json!(true);
    set(&acme, "sso", &terms).await.is(200);
    provider.knows(json!({ "sub": "1843-07", "given_name": "Ada" }));
    let (_, page) = asked(&acme).await;
    provider.tells(json!({ "sub": "another", "family_name": "Byron" }));
    let shown = round(&holder, &provider, &page).await.is(422);
    assert!(shown.text().contains("userinfo endpoint"), "{shown}");
    provider.tells(json!({ "sub": "1843-07", "family_name": "Lovelace", "given_name": "Eve" }));
    let page = round(&holder, &provider, &page).await.is(200);
    assert!(page.text().contains("Lovelace") && page.text().contains("Ada"), "{page}");
    assert!(!page.text().contains("Eve"), "what is signed comes first");
}
