//! What belongs to one tenant is nothing at another's

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::{badge, wallet::badge_request};
use chancery_tests::{Acme, Answer, platform};
use reqwest::Method;
use serde_json::json;

/// The same, but for the tenant that says it.
fn same_but_for_the_tenant(one: &Answer, at: &Acme, other: &Answer, there: &Acme) {
    let plain = |answer: &Answer, tenant: &Acme| {
        String::from_utf8_lossy(&answer.body).replace(&tenant.identifier, "https://tenant")
    };
    assert_eq!((one.status, plain(one, at)), (other.status, plain(other, there)), "{one}\n{other}");
}

#[tokio::test]
async fn another_tenants_ids_are_not_found() {
    let platform = platform();
    let (mine, theirs) = (platform.newcomer().await, platform.newcomer().await);
    let offer = theirs.issuer().offer(badge()).await;
    theirs.wallet().claim(&offer).await;
    let credential = theirs.issuer().issued(&offer).await.remove(0);
    let nobodys = |id: &str| format!("{}{}", &id[..id.len() - 1], if id.ends_with('0') { '1' } else { '0' });
    for (method, path, id) in [
        (Method::GET, "/offers/{}", &offer.id),
        (Method::DELETE, "/offers/{}", &offer.id),
        (Method::GET, "/credentials/{}", &credential),
        (Method::POST, "/credentials/{}/revoke", &credential),
        (Method::POST, "/credentials/{}/suspend", &credential),
        (Method::POST, "/credentials/{}/reinstate", &credential),
    ] {
        let ask =
            async |id: &str| Answer::to(mine.issuer().request(method.clone(), &path.replace("{}", id))).await;
        let (foreign, unknown) = (ask(id).await, ask(&nobodys(id)).await);
        foreign.clone().problem(404, "not-found");
        same_but_for_the_tenant(&foreign, &mine, &unknown, &mine);
    }
    let filtered = async |id: &str| mine.issuer().get(&format!("/credentials?offer={id}")).await;
    let (foreign, unknown) = (filtered(&offer.id).await, filtered(&nobodys(&offer.id)).await);
    same_but_for_the_tenant(&foreign, &mine, &unknown, &mine);
    foreign.problem(404, "not-found");
    let cursor = mine.issuer().get(&format!("/offers?cursor={}", offer.id)).await.granted();
    assert!(cursor["data"].as_array().unwrap().is_empty(), "a foreign cursor shows nothing");
    assert_eq!(theirs.issuer().state(&offer).await, "issued", "and nothing happened to it");
}

#[tokio::test]
async fn another_tenants_key_opens_nothing() {
    let platform = platform();
    let (mine, theirs) = (platform.newcomer().await, platform.newcomer().await);
    for path in ["/offers", "/credentials", "/api-keys"] {
        mine.holder_of(&theirs.key).get(path).await.problem(401, "unauthenticated");
    }
    mine.holder_of(&theirs.key).create(&badge()).await.problem(401, "unauthenticated");
    let key = json!({ "name": "stolen", "scopes": ["platform-admin"] });
    mine.issuer().post("/api-keys", &key).await.problem(403, "forbidden");
}

#[tokio::test]
async fn another_tenants_codes_tokens_nonces_and_offers_are_worth_nothing() {
    let platform = platform();
    let (mine, theirs) = (platform.newcomer().await, platform.newcomer().await);
    let offer = theirs.issuer().offer(badge()).await;
    let (here, there) = (mine.wallet(), theirs.wallet());
    here.exchange(&there.code(&offer).await).await.refused(400, "invalid_grant");
    mine.stranger().get(&format!("/offers/{}", offer.secret())).await.refused(404, "invalid_request");
    assert_eq!(mine.stranger().get(&format!("/offers/{}/page", offer.secret())).await.status, 404);

    let token = there.redeem(&offer).await;
    let key = Key::some(1);
    let proofs = here.proofs(&key, &here.nonce().await);
    here.request_badge(&token, &proofs).await.challenged(401, "Bearer", "invalid_token");

    // My token with their nonce, and with a proof that was made for them.
    let own = mine.wallet().redeem(&mine.issuer().offer(badge()).await).await;
    let foreign_nonce = here.proofs(&key, &there.nonce().await);
    here.request_badge(&own, &foreign_nonce).await.refused(400, "invalid_nonce");
    let foreign_audience = there.proofs(&key, &here.nonce().await);
    here.request_badge(&own, &foreign_audience).await.refused(400, "invalid_proof");

    // A notification id of theirs with a token of mine.
    let answer =
        there.request(&token, &badge_request(&there.proofs(&key, &there.nonce().await))).await.granted();
    let body = json!({ "notification_id": text(&answer["notification_id"]), "event": "credential_accepted" });
    let notified = Answer::to(here.post("/notification").bearer_auth(&own.text).json(&body)).await;
    notified.refused(400, "invalid_notification_id");
    assert_eq!(theirs.issuer().state(&offer).await, "issued");
}

#[tokio::test]
async fn an_idempotency_key_is_one_tenants_own() {
    let platform = platform();
    let (mine, theirs) = (platform.newcomer().await, platform.newcomer().await);
    let ask = async |tenant: &Acme| {
        let request = tenant.issuer().request(Method::POST, "/offers").header("Idempotency-Key", "same");
        Answer::to(request.json(&badge().0)).await.is(201).json()
    };
    let (first, second) = (ask(&mine).await, ask(&theirs).await);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(ask(&mine).await, first);
}
