//! The authorization code flow (OpenID4VCI §5, RFC 9126, RFC 7636, RFC 9207)

mod codes;
mod pages;
mod pushed;
mod upstream;

use chancery_tests::answer::text;
use chancery_tests::jose::{self, Key};
use chancery_tests::people::wallet::{Asking, credentials, request_for};
use chancery_tests::people::{Request, Token, badge, diploma};
use chancery_tests::{Answer, acme};
use serde_json::json;

/// An offer whose holder is to consent first.
fn consented(request: Request) -> Request {
    request.with("grant", "authorization_code")
}

/// What the demo holder says of themselves, as the form asks for it.
const ADA: [(&str, &str); 3] = [
    ("employee-badge/given_name", "Ada"),
    ("employee-badge/family_name", "Lovelace"),
    ("employee-badge/employee_id", "1843-07"),
];

#[tokio::test]
async fn an_offer_is_consented_to_and_received_with_a_bound_token() {
    let acme = acme();
    let (wallet, holder, key) = (acme.wallet(), acme.holder(), Key::p256());
    let offer = acme.issuer().offer(consented(badge())).await;
    let read = wallet.read(&offer).await;
    let grants = read["grants"].as_object().unwrap();
    assert_eq!(grants.keys().collect::<Vec<_>>(), ["authorization_code"], "an offer has one grant");

    let issuer_state = wallet.issuer_state(&offer).await;
    let asking = Asking::scope("employee-badge")
        .with("issuer_state", &issuer_state)
        .with("x-unheard-of", "\u{1f980}")
        .with("state", &"s".repeat(128));
    let proof = wallet.dpop(&key, "/par").await.sign(&key);
    let pushed = Answer::to(wallet.post("/par").header("DPoP", proof).form(&asking.form)).await.is(201);
    let page = holder.open(&text(&pushed.json()["request_uri"])).await.is(200);
    for shown in ["Employee badge", "Ada", "Lovelace", "1843-07", "https://wallet.example"] {
        assert!(page.text().contains(shown), "{shown} in {}", page.text());
    }
    let told = holder.consent(&page).await;
    assert_eq!(told["iss"], acme.identifier, "RFC 9207");
    assert_eq!(told["state"], "s".repeat(128));
    assert_eq!(told["mine"], "1", "the redirect URI keeps its own query");

    let proof = wallet.dpop(&key, "/token").await.sign(&key);
    let request = wallet.token_request(&asking.redemption(&told["code"])).header("DPoP", proof);
    let token = Token::read(Answer::to(request).await);
    assert_eq!(
        (&token.answer["token_type"], &token.answer["scope"]),
        (&json!("DPoP"), &json!("employee-badge"))
    );
    assert!(token.answer.get("authorization_details").is_none());

    let holders = Key::some(2);
    let nonce = wallet.nonce().await;
    let proofs: Vec<_> =
        holders.iter().map(|key| wallet.proof(key, &nonce).claim("iss", "wallet").sign(key)).collect();
    let proof = wallet.dpop_with(&key, &token).await.sign(&key);
    let body = request_for("employee-badge", &proofs);
    let answer = wallet.request_bound(&token, &proof, &body).await.granted();
    for credential in credentials(&answer) {
        acme.verifier().verify(&credential).await;
    }
    assert_eq!(acme.issuer().state(&offer).await, "issued");
}

#[tokio::test]
async fn a_wallet_asks_by_itself_and_the_demo_holder_signs_in() {
    let acme = acme();
    let (wallet, holder) = (acme.wallet(), acme.holder());
    let asking = Asking::details(&["employee-badge"]);
    let page = holder.open(&wallet.pushed(&asking).await).await.is(200);
    assert!(page.text().contains("Who are you?") && page.text().contains("demo holder"));
    let page = holder.demonstrate(&page, &ADA).await.is(200);
    assert!(page.text().contains("Put this into your wallet?"), "{page}");
    let told = holder.consent(&page).await;
    let token = Token::read(wallet.token(&asking.redemption(&told["code"])).await);
    let details = token.answer["authorization_details"].clone();
    assert_eq!(details[0]["credential_configuration_id"], "employee-badge");
    let identifier = text(&details[0]["credential_identifiers"][0]);
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let by_id = request_for("employee-badge", &proofs);
    wallet.request(&token, &by_id).await.refused(400, "invalid_credential_request");
    let body = json!({ "credential_identifier": identifier, "proofs": { "jwt": proofs } });
    let credential = credentials(&wallet.request(&token, &body).await.granted()).remove(0);
    let claims = acme.verifier().verify(&credential).await.claims;
    assert_eq!(claims["family_name"], "Lovelace");
}

#[tokio::test]
async fn a_holder_signs_in_by_the_link_that_the_issuer_sent() {
    let acme = acme();
    let (wallet, holder) = (acme.wallet(), acme.holder());
    let offer = acme.issuer().offer(consented(diploma())).await;
    let asking = Asking::scope("university-diploma openid");
    let page = holder.open(&wallet.pushed(&asking).await).await;
    assert!(!page.text().contains("Put this into your wallet?"), "nobody is known yet");
    for wrong in ["", "https://wallet.example", &format!("{}x", offer.page_url)] {
        let again = holder.sign_in(&page, wrong).await.is(422);
        assert!(again.text().contains("role=\"alert\""), "{again}");
    }
    let pre_authorized = acme.issuer().offer(diploma()).await;
    holder.sign_in(&page, &pre_authorized.page_url).await.is(422);
    let of_something_else = acme.issuer().offer(consented(badge())).await;
    holder.sign_in(&page, &of_something_else.page_url).await.is(422);

    let page = holder.sign_in(&page, &format!(" {}\n", offer.page_url)).await.is(200);
    assert!(page.text().contains("University of London"), "{page}");
    let told = holder.consent(&page).await;
    let token = Token::read(wallet.token(&asking.redemption(&told["code"])).await);
    assert_eq!(token.answer["scope"], "university-diploma");
}

#[tokio::test]
async fn a_transaction_code_is_asked_for_on_the_page_and_guessed_five_times_at_most() {
    let acme = acme();
    let (wallet, holder) = (acme.wallet(), acme.holder());
    let offer = acme.issuer().offer(consented(badge()).tx_code()).await;
    let issuer_state = wallet.issuer_state(&offer).await;
    let asking = Asking::scope("employee-badge").with("issuer_state", &issuer_state);
    let page = holder.open(&wallet.pushed(&asking).await).await;
    assert!(page.text().contains("Enter your code") && !page.text().contains("Lovelace"), "{page}");
    assert_eq!(holder.decide(&page, "consent").await.status, 400, "nobody consents before");
    for _ in 0..4 {
        holder.enter(&page, "wrong").await.is(422);
    }
    let tx_code = offer.tx_code.clone().unwrap();
    let consent = holder.enter(&page, &tx_code).await.is(200);
    assert!(consent.text().contains("Lovelace"), "the fifth attempt is the right one");
    holder.enter(&page, &tx_code).await.is(200);
    holder.enter(&page, "wrong").await.is(422);
    holder.enter(&page, &tx_code).await.is(422);
    assert_eq!(acme.issuer().state(&offer).await, "failed");
    holder.decide(&consent, "consent").await.is(400);
}

#[tokio::test]
async fn the_holder_refuses() {
    let acme = acme();
    let (wallet, holder) = (acme.wallet(), acme.holder());
    let offer = acme.issuer().offer(consented(badge())).await;
    let issuer_state = wallet.issuer_state(&offer).await;
    let asking = Asking::scope("employee-badge").with("issuer_state", &issuer_state).without("state");
    let request_uri = wallet.pushed(&asking).await;
    let page = holder.open(&request_uri).await;
    let told = holder.refuse(&page).await;
    assert_eq!((told["error"].as_str(), told["iss"].as_str()), ("access_denied", acme.identifier.as_str()));
    assert!(!told.contains_key("state") && !told.contains_key("code"));
    holder.decide(&page, "consent").await.is(400);
    holder.open(&request_uri).await.is(400);
    assert_eq!(acme.issuer().state(&offer).await, "fetched", "another wallet may ask");
}

#[tokio::test]
async fn nothing_is_granted_that_was_not_asked_for_and_offered() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(consented(badge().and(&diploma()))).await;
    let (asking, code) = wallet.consented(&offer, &Asking::scope("employee-badge")).await;
    let token = Token::read(wallet.token(&asking.redemption(&code)).await);
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let wider = request_for("university-diploma", &proofs);
    wallet.request(&token, &wider).await.challenged(403, "Bearer", "insufficient_scope");
    wallet.request(&token, &request_for("employee-badge", &proofs)).await.granted();

    // Of an offer of one, details of two grant one; and at the token endpoint nothing comes back.
    let offer = acme.issuer().offer(consented(badge())).await;
    let both = Asking::details(&["employee-badge", "university-diploma"]);
    let (asking, code) = wallet.consented(&offer, &both).await;
    let mut form = asking.redemption(&code);
    let wider = json!([{ "type": "openid_credential", "credential_configuration_id": "university-diploma" }]);
    let wider = wider.to_string();
    form.push(("authorization_details", &wider));
    wallet.token(&form).await.refused(400, "invalid_authorization_details");
    let token = Token::read(wallet.token(&asking.redemption(&code)).await);
    let details = token.answer["authorization_details"].as_array().unwrap();
    assert_eq!(details.len(), 1, "{details:?}");
    assert_eq!(details[0]["credential_configuration_id"], "employee-badge");
}

#[tokio::test]
async fn a_code_of_one_kind_is_none_of_the_other() {
    let acme = acme();
    let wallet = acme.wallet();
    let by_consent = acme.issuer().offer(consented(badge()).tx_code()).await;
    let issuer_state = wallet.issuer_state(&by_consent).await;
    wallet.exchange(&issuer_state).await.refused(400, "invalid_grant");
    let pre_authorized = acme.issuer().offer(badge()).await;
    let code = wallet.code(&pre_authorized).await;
    let asking = Asking::scope("employee-badge");
    wallet.push(&asking.clone().with("issuer_state", &code)).await.refused(400, "invalid_request");
    wallet.token(&asking.redemption(&code)).await.refused(400, "invalid_grant");
    let (_, consented) = wallet.consented(&acme.issuer().offer(consented(badge())).await, &asking).await;
    wallet.exchange(&consented).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_key_proof_by_another_client_is_refused() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(consented(badge())).await;
    let (asking, code) = wallet.consented(&offer, &Asking::scope("employee-badge")).await;
    let token = Token::read(wallet.token(&asking.redemption(&code)).await);
    let (key, nonce) = (Key::p256(), wallet.nonce().await);
    let proof = jose::key_proof(&key, &acme.identifier, &nonce).claim("iss", "another").sign(&key);
    wallet.request_badge(&token, &[proof]).await.refused(400, "invalid_proof");
    wallet.request_badge(&token, &[wallet.proof(&key, &nonce).sign(&key)]).await.granted();
}
