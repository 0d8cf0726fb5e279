//! `GET /offers/{secret}` and its page (OpenID4VCI §4)

use std::time::Duration;

use chancery_tests::acme;
use chancery_tests::jose;
use chancery_tests::people::wallet::GRANT;
use chancery_tests::people::{badge, diploma};

#[tokio::test]
async fn an_offer_says_what_a_wallet_needs_and_nothing_else() {
    let acme = acme();
    let offer = acme.issuer().offer(badge().and(&diploma())).await;
    assert_eq!(acme.issuer().state(&offer).await, "created");
    let read = acme.wallet().read(&offer).await;
    assert_eq!(acme.issuer().state(&offer).await, "fetched");
    let members: Vec<_> = read.as_object().unwrap().keys().collect();
    assert_eq!(members, ["credential_issuer", "credential_configuration_ids", "grants"]);
    assert_eq!(read["credential_issuer"], acme.identifier);
    assert_eq!(
        read["credential_configuration_ids"],
        serde_json::json!(["employee-badge", "university-diploma"])
    );
    assert_eq!(read["grants"].as_object().unwrap().len(), 1);
    assert_eq!(read["grants"][GRANT].as_object().unwrap().len(), 1);
    assert!(!read.to_string().contains("Lovelace"));
}

#[tokio::test]
async fn an_offer_by_value_says_the_same() {
    let acme = acme();
    let offer = acme.issuer().offer(badge().by_value()).await;
    let value = acme.wallet().read(&offer).await;
    let by_reference = acme.stranger().get(&format!("/offers/{}", offer.secret())).await.granted();
    assert_eq!(value, by_reference);
}

#[tokio::test]
async fn unknown_used_and_withdrawn_offers_are_one_answer() {
    let acme = acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let used = issuer.offer(badge()).await;
    wallet.redeem(&used).await;
    let withdrawn = issuer.offer(badge()).await;
    issuer.delete(&format!("/offers/{}", withdrawn.id)).await.is(204);
    let (used, withdrawn) = (used.secret(), withdrawn.secret());
    let mut bodies = Vec::new();
    for secret in [used.as_str(), &withdrawn, &jose::base64url([7; 16]), "x", "%00", "%2e%2e%2f", "%ff"] {
        let answer = acme.stranger().get(&format!("/offers/{secret}")).await;
        if secret == "%ff" {
            // Not a text at all: the shape is the same, the words need not be.
            assert!((400..500).contains(&answer.status), "{answer}");
        } else {
            bodies.push(answer.refused(404, "invalid_request").body);
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test]
async fn the_page_of_an_offer_needs_no_script_and_shows_no_subject() {
    let acme = acme();
    let offer = acme.issuer().offer(badge().tx_code()).await;
    let path = offer.page_url.strip_prefix(&acme.identifier).unwrap().to_owned();
    let page = acme.stranger().get(&path).await.is(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.text().contains("<script") && !page.text().contains("Lovelace"));
    assert!(!page.text().contains(offer.tx_code.as_deref().unwrap()), "the code takes another channel");
    assert!(page.text().contains("openid-credential-offer://"));
    assert_eq!(acme.issuer().state(&offer).await, "created", "a look at the page is no fetch");

    acme.wallet().redeem(&offer).await;
    let page = acme.stranger().get(&path).await.is(200);
    assert!(!page.text().contains("openid-credential-offer://"), "nothing is left to be taken");
    let unknown = acme.stranger().get(&format!("/offers/{}/page", jose::base64url([7; 16]))).await.is(404);
    assert!(unknown.header("content-type").unwrap().starts_with("text/html"));
}

#[tokio::test]
async fn an_offer_ends_in_time() {
    let acme = acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let untouched = issuer.offer(badge().with("expires_in", 30)).await;
    let fetched = issuer.offer(badge().with("expires_in", 30)).await;
    let code = wallet.code(&fetched).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    wallet.exchange(&code).await.refused(400, "invalid_grant");
    acme.stranger().get(&format!("/offers/{}", fetched.secret())).await.refused(404, "invalid_request");
    for offer in [untouched, fetched] {
        assert_eq!(issuer.state(&offer).await, "expired");
        issuer.delete(&format!("/offers/{}", offer.id)).await.problem(409, "wrong-state");
    }
}

#[tokio::test]
async fn a_withdrawn_offer_takes_its_token_with_it() {
    let acme = acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let offer = issuer.offer(badge()).await;
    let token = wallet.redeem(&offer).await;
    issuer.delete(&format!("/offers/{}", offer.id)).await.is(204);
    let proofs = wallet.proofs(&[jose::Key::p256()], &wallet.nonce().await);
    wallet.request_badge(&token, &proofs).await.challenged(401, "Bearer", "invalid_token");
}
