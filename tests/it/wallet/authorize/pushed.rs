//! `POST /par` (RFC 9126) and the request that it takes down

use chancery_tests::jose::{self, Key};
use chancery_tests::people::wallet::Asking;
use chancery_tests::people::{badge, diploma};
use chancery_tests::{Answer, acme, platform};
use reqwest::Method;

use super::consented;

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_at_once() {
    let wallet = acme().wallet();
    let asking = Asking::scope("employee-badge");
    for (name, value, error) in [
        ("client_id", "", "invalid_request"),
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("response_mode", "fragment", "invalid_request"),
        ("redirect_uri", "", "invalid_request"),
        ("redirect_uri", "http://wallet.example/cb", "invalid_request"),
        ("redirect_uri", "https://user@wallet.example/cb", "invalid_request"),
        ("redirect_uri", "https://wallet.example/cb#fragment", "invalid_request"),
        ("redirect_uri", "https://wallet.example/cb\r\nx: y", "invalid_request"),
        ("redirect_uri", "javascript://x/%0aalert(1)", "invalid_request"),
        ("redirect_uri", "data:text/html,x", "invalid_request"),
        // RFC 7636: missing, plain, and no digest.
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("scope", "", "invalid_scope"),
        ("scope", "openid unheard-of", "invalid_scope"),
        ("authorization_details", "{}", "invalid_authorization_details"),
        ("authorization_details", "[]", "invalid_authorization_details"),
        ("authorization_details", "[{\"type\":\"payment\"}]", "invalid_authorization_details"),
        ("authorization_details", "[{\"type\":\"openid_credential\"}]", "invalid_authorization_details"),
        (
            "authorization_details",
            "[{\"type\":\"openid_credential\",\"credential_configuration_id\":\"unheard-of\"}]",
            "invalid_authorization_details",
        ),
        ("issuer_state", "unheard-of", "invalid_request"),
        ("issuer_state", &jose::sha256("of nobody"), "invalid_request"),
        ("state", &"s".repeat(2_001), "invalid_request"),
        ("request", "eyJ", "invalid_request"),
        ("request_uri", "urn:ietf:params:oauth:request_uri:x", "invalid_request"),
        ("dpop_jkt", "short", "invalid_request"),
    ] {
        let asking =
            if value.is_empty() { asking.clone().without(name) } else { asking.clone().with(name, value) };
        let answer = wallet.push(&asking).await;
        assert_eq!(answer.status, 400, "{name}={value}: {answer}");
        answer.refused(400, error);
    }
    let mut twice = asking.form.clone();
    twice.push(("state".to_owned(), "again".to_owned()));
    Answer::to(wallet.post("/par").form(&twice)).await.refused(400, "invalid_request");
    Answer::to(wallet.post("/par").body("x")).await.refused(400, "invalid_request");
    let secret = asking.clone().with("client_secret", "chs_x");
    wallet.push(&secret).await.refused(401, "invalid_client");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        acme().stranger().ask(method, "/par").await.refused(405, "invalid_request");
    }
    wallet.push(&asking).await.is(201);
}

#[tokio::test]
async fn an_issuer_state_leads_to_what_it_is_for_and_no_further() {
    let acme = acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let offer = issuer.offer(consented(badge())).await;
    let state = wallet.issuer_state(&offer).await;
    let other = Asking::scope("university-diploma").with("issuer_state", &state);
    wallet.push(&other).await.refused(400, "invalid_request");
    // Nothing in particular: all that is offered.
    let everything = Asking::scope("employee-badge").without("scope").with("issuer_state", &state);
    let page = acme.holder().open(&wallet.pushed(&everything).await).await;
    assert!(page.text().contains("Employee badge"), "{page}");

    issuer.delete(&format!("/offers/{}", offer.id)).await.is(204);
    wallet.push(&everything).await.refused(400, "invalid_request");
    let told = acme.holder().decide(&page, "consent").await;
    assert_eq!(told.status, 400, "{told}");
}

#[tokio::test]
async fn a_request_is_one_clients_and_is_answered_once() {
    let acme = acme();
    let (wallet, holder) = (acme.wallet(), acme.holder());
    let offer = acme.issuer().offer(consented(diploma())).await;
    let state = wallet.issuer_state(&offer).await;
    let request_uri = wallet.pushed(&Asking::scope("university-diploma").with("issuer_state", &state)).await;
    for (client, uri) in [
        ("another", request_uri.as_str()),
        ("wallet", "urn:ietf:params:oauth:request_uri:unheard-of"),
        ("wallet", "https://wallet.example/request.jwt"),
        ("wallet", request_uri.trim_start_matches("urn:ietf:params:oauth:request_uri:")),
        ("wallet", &request_uri[..request_uri.len() - 1]),
    ] {
        holder.visit(&[("client_id", client), ("request_uri", uri)]).await.is(400);
    }
    holder.visit(&[("request_uri", &request_uri)]).await.is(400);
    // Whoever looks twice has decided nothing yet.
    holder.open(&request_uri).await.is(200);
    let page = holder.open(&request_uri).await.is(200);
    // What stands beside a pushed request counts for nothing.
    let beside =
        [("client_id", "wallet"), ("request_uri", &request_uri), ("state", "x"), ("redirect_uri", "x:")];
    holder.visit(&beside).await.is(200);
    assert_eq!(holder.consent(&page).await["state"], "state of the wallet");
    let again = holder.open(&request_uri).await.is(400);
    assert!(again.text().contains("answered before"), "{again}");
    holder.decide(&page, "consent").await.is(400);
    holder.decide(&page, "refuse").await.is(400);
}

#[tokio::test]
async fn a_request_that_was_not_pushed_is_taken_too_but_never_sends_a_browser_away_by_itself() {
    let acme = acme();
    let holder = acme.holder();
    let asking = Asking::scope("employee-badge");
    let query = |asking: &Asking| asking.form.clone();
    let visit = async |asking: &Asking| {
        let query = query(asking);
        let query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        holder.visit(&query).await
    };
    visit(&asking).await.is(200);
    for wrong in [
        asking.clone().with("response_type", "token"),
        asking.clone().without("code_challenge"),
        asking.clone().with("redirect_uri", "http://evil.example"),
        asking.clone().with("scope", "unheard-of"),
    ] {
        let page = visit(&wrong).await.is(400);
        assert!(page.text().contains("This cannot go on"), "{page}");
    }
    let posted = acme.wallet().post("/authorize").form(&asking.form);
    Answer::to(posted).await.is(200);
}

#[tokio::test]
async fn a_request_may_be_bound_to_a_key() {
    let acme = acme();
    let wallet = acme.wallet();
    let (key, other) = (Key::p256(), Key::p256());
    let asking = Asking::scope("employee-badge");
    let push = async |asking: &Asking, proof: &str| {
        Answer::to(wallet.post("/par").header("DPoP", proof).form(&asking.form)).await
    };
    let proof = async |path: &str| wallet.dpop(&key, path).await;
    let agreed = asking.clone().with("dpop_jkt", &key.thumbprint());
    let sent = proof("/par").await.sign(&key);
    push(&agreed, &sent).await.is(201);
    push(&agreed, &sent).await.refused(400, "invalid_dpop_proof");
    let differing = asking.clone().with("dpop_jkt", &other.thumbprint());
    push(&differing, &proof("/par").await.sign(&key)).await.refused(400, "invalid_dpop_proof");
    push(&asking, &proof("/token").await.sign(&key)).await.refused(400, "invalid_dpop_proof");
    push(&asking, &proof("/par").await.claim("iat", 0).sign(&key)).await.refused(400, "invalid_dpop_proof");
    let without = jose::dpop_proof(&key, &format!("{}/par", acme.identifier), None).sign(&key);
    let answer = push(&asking, &without).await.refused(400, "use_dpop_nonce");
    assert!(answer.header("dpop-nonce").is_some());
}

#[tokio::test]
async fn another_tenants_requests_pages_and_codes_are_worth_nothing() {
    let platform = platform();
    let (mine, theirs) = (platform.newcomer().await, platform.newcomer().await);
    let offer = theirs.issuer().offer(consented(badge())).await;
    let state = theirs.wallet().issuer_state(&offer).await;
    let asking = Asking::scope("employee-badge");
    mine.wallet().push(&asking.clone().with("issuer_state", &state)).await.refused(400, "invalid_request");
    let request_uri = theirs.wallet().pushed(&asking.clone().with("issuer_state", &state)).await;
    mine.holder().open(&request_uri).await.is(400);
    let page = theirs.holder().open(&request_uri).await.is(200);
    mine.holder().decide(&page, "consent").await.is(400);
    let own = mine.holder().open(&mine.wallet().pushed(&asking).await).await;
    mine.holder().sign_in(&own, &offer.page_url).await.is(422);
    let (asking, code) = theirs.wallet().consented(&offer, &asking).await;
    mine.wallet().token(&asking.redemption(&code)).await.refused(400, "invalid_grant");
    theirs.wallet().token(&asking.redemption(&code)).await.granted();

    // The platform's own authorization server knows no wallets.
    let application = platform.application();
    application.wallet().push(&asking).await.refused(404, "invalid_request");
}
