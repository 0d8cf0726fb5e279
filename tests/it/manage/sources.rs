//! `/api/sources`: a template asks for what it needs to know, and the host looks it up where the tenant said

use std::time::Duration;

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::wallet::{credentials, request_for};
use chancery_tests::people::{Issuer, Plugin, Request, Token};
use chancery_tests::receiver::Reply;
use chancery_tests::{Acme, Answer, Receiver, platform};
use reqwest::Method;
use serde_json::{Value, json};

const PASS: &str = "staff-pass";

/// A tenant whose passes name somebody, and nothing else.
async fn with_passes() -> Acme {
    platform().newcomer_with(&Plugin::built("staff-pass"), &json!({})).await
}

async fn set(issuer: &Issuer, name: &str, url: &str, header: Option<(&str, &str)>) -> Answer {
    let header = header.map(|(name, value)| json!({ "name": name, "value": value }));
    let request = issuer.request(Method::PUT, &format!("/sources/{PASS}/{name}"));
    Answer::to(request.json(&json!({ "url": url, "header": header }))).await
}

/// A tenant whose passes are looked up at these two.
async fn with_registers() -> (Acme, Receiver, Receiver) {
    let (tenant, staff, departments) =
        (with_passes().await, Receiver::start().await, Receiver::start().await);
    let issuer = tenant.issuer();
    set(&issuer, "staff", &staff.url(), Some(("Authorization", "Bearer 0pen-sesame"))).await.is(200);
    set(&issuer, "departments", &departments.url(), None).await.is(200);
    staff.usually(Reply::Json(ada()));
    departments.usually(Reply::Json(json!({ "name": "Analytical Engines" })));
    (tenant, staff, departments)
}

fn ada() -> Value {
    json!({ "given_name": "Ada", "family_name": "Lovelace", "department": "AE" })
}

fn pass() -> Request {
    let subject = json!({ "employee_id": "1843-07" });
    Request(json!({ "credentials": [{ "configuration_id": PASS, "subject": subject }] }))
}

/// A wallet's token, and what it asks with.
async fn ready(tenant: &Acme) -> (Token, Value) {
    let wallet = tenant.wallet();
    let token = wallet.redeem(&tenant.issuer().offer(pass()).await).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    (token, request_for(PASS, &proofs))
}

#[tokio::test]
async fn what_an_offer_does_not_say_is_looked_up_when_the_wallet_comes() {
    let (tenant, staff, departments) = with_registers().await;
    let (token, request) = ready(&tenant).await;
    assert_eq!((staff.count(), departments.count()), (0, 0), "an offer is a rehearsal");
    let answer = tenant.wallet().request(&token, &request).await.granted();
    let seen = tenant.verifier().verify(&credentials(&answer)[0]).await;
    for (claim, value) in [
        ("employee_id", "1843-07"),
        ("given_name", "Ada"),
        ("family_name", "Lovelace"),
        ("department", "Analytical Engines"),
    ] {
        assert_eq!(seen.claims[claim], value, "{claim}");
    }
    let asked = staff.next().await;
    assert_eq!(asked.json(), json!({ "employee_id": "1843-07" }));
    assert_eq!(asked.header("authorization"), "Bearer 0pen-sesame");
    assert_eq!(asked.header("content-type"), "application/json");
    let asked = departments.next().await;
    assert_eq!(asked.json(), json!({ "code": "AE" }));
    assert!(asked.headers.iter().all(|(name, _)| name != "authorization"), "that is the other's secret");
    assert_eq!((staff.count(), departments.count()), (1, 1));
}

#[tokio::test]
async fn while_a_source_is_away_the_wallet_loses_nothing() {
    let (tenant, staff, departments) = with_registers().await;
    let inside = Receiver::start().await;
    let (token, request) = ready(&tenant).await;
    staff.answers([
        Reply::Status(500),
        Reply::Elsewhere(inside.url()),
        Reply::Json(json!("not a person")),
        Reply::Json(json!({ "given_name": "Ada" })),
        Reply::Json(json!({ "given_name": "x".repeat(200_000), "family_name": "Lovelace" })),
    ]);
    for _ in 0..5 {
        let refused = tenant.wallet().request(&token, &request).await.refused(503, "temporarily_unavailable");
        assert!(refused.header("retry-after").is_some());
        assert!(!refused.text().contains("Ada") && !refused.text().contains("staff"), "{refused}");
    }
    assert_eq!(inside.count(), 0, "nobody follows a redirect");
    departments.answers([Reply::Status(503)]);
    tenant.wallet().request(&token, &request).await.refused(503, "temporarily_unavailable");
    // The same token, the same nonce, the same proofs.
    tenant.wallet().request(&token, &request).await.granted();
}

#[tokio::test]
async fn what_served_once_makes_nobody_ask_again() {
    let (tenant, staff, departments) = with_registers().await;
    let (wallet, key) = (tenant.wallet(), Key::p256());
    let token = wallet.redeem_bound(&tenant.issuer().offer(pass()).await, &key).await;
    let asks = async |nonce: &str| {
        let proofs = wallet.proofs(&Key::some(1), nonce);
        let bound = wallet.dpop_with(&key, &token).await.sign(&key);
        wallet.request_bound(&token, &bound, &request_for(PASS, &proofs)).await
    };
    let nonce = wallet.nonce().await;
    asks(&nonce).await.granted();
    assert_eq!((staff.count(), departments.count()), (1, 1));
    for _ in 0..3 {
        asks(&nonce).await.refused(400, "invalid_nonce");
    }
    assert_eq!((staff.count(), departments.count()), (1, 1));
    // The token is good for the credential once more, with a nonce of its own.
    asks(&wallet.nonce().await).await.granted();
    assert_eq!((staff.count(), departments.count()), (2, 2));
}

#[tokio::test]
async fn for_one_offer_sources_are_asked_so_often_and_no_more() {
    let (tenant, staff, _) = with_registers().await;
    let (token, request) = ready(&tenant).await;
    // Nobody knows the subject: nothing is issued, and nothing used up.
    staff.usually(Reply::Status(404));
    for _ in 0..30 {
        tenant.wallet().request(&token, &request).await.refused(400, "credential_request_denied");
    }
    let refused = tenant.wallet().request(&token, &request).await;
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (429, true), "{refused}");
    assert_eq!(staff.count(), 30);
    // Another's offer is another's.
    staff.usually(Reply::Json(ada()));
    let (token, request) = ready(&tenant).await;
    tenant.wallet().request(&token, &request).await.granted();
}

#[tokio::test]
async fn a_source_that_dawdles_is_left() {
    let (tenant, staff, _) = with_registers().await;
    let (token, request) = ready(&tenant).await;
    staff.answers([Reply::Never]);
    let began = std::time::Instant::now();
    tenant.wallet().request(&token, &request).await.refused(503, "temporarily_unavailable");
    assert!(began.elapsed() < Duration::from_secs(20));
    tenant.wallet().request(&token, &request).await.granted();
}

#[tokio::test]
async fn the_template_has_the_last_word_on_whom_nobody_knows() {
    let (tenant, staff, departments) = with_registers().await;
    let (token, request) = ready(&tenant).await;
    for nobody in [Reply::Status(404), Reply::Status(204)] {
        staff.answers([nobody]);
        tenant.wallet().request(&token, &request).await.refused(400, "credential_request_denied");
    }
    departments.answers([Reply::Status(404)]);
    let answer = tenant.wallet().request(&token, &request).await.granted();
    let seen = tenant.verifier().verify(&credentials(&answer)[0]).await;
    assert!(seen.claims.get("department").is_none(), "it does without");
}

#[tokio::test]
async fn whoever_proves_nothing_makes_nobody_ask() {
    let (tenant, staff, _) = with_registers().await;
    let (wallet, (token, _)) = (tenant.wallet(), ready(&tenant).await);
    let forged = wallet.proofs(&Key::some(1), "a-nonce-of-nobody");
    wallet.request(&token, &request_for(PASS, &forged)).await.refused(400, "invalid_nonce");
    wallet.request(&token, &request_for(PASS, &[])).await.refused(400, "invalid_proof");
    wallet
        .request(&token, &json!({ "credential_configuration_id": PASS }))
        .await
        .refused(400, "invalid_proof");
    assert_eq!(staff.count(), 0);
}

#[tokio::test]
async fn a_template_that_never_has_enough_is_stopped() {
    let tenant =
        platform().newcomer_with(&Plugin::built("hostile"), &json!({ "prepare": "need-forever" })).await;
    let (issuer, wallet, register) = (tenant.issuer(), tenant.wallet(), Receiver::start().await);
    register.usually(Reply::Json(json!({})));
    let url = issuer.request(Method::PUT, "/sources/hostile/register");
    Answer::to(url.json(&json!({ "url": register.url() }))).await.is(200);
    let subject = json!({ "credentials": [{ "configuration_id": "hostile", "subject": {} }] });
    let token = wallet.redeem(&issuer.offer(Request(subject)).await).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let request = request_for("hostile", &proofs);
    wallet.request(&token, &request).await.refused(400, "credential_request_denied");
    assert_eq!(register.count(), 3);
}

#[tokio::test]
async fn an_offer_that_could_not_be_looked_up_is_not_made() {
    let (tenant, somewhere) = (with_passes().await, Receiver::start().await);
    let issuer = tenant.issuer();
    let listed = async || issuer.get("/sources").await.granted()["data"].as_array().unwrap().clone();
    let names: Vec<_> = listed().await.iter().map(|source| text(&source["name"])).collect();
    assert_eq!(names, ["staff", "departments"], "what it will ask is known");
    assert!(listed().await.iter().all(|source| source["url"].is_null()));
    let refused = issuer.create(&pass()).await;
    assert_eq!(refused.clone().wrong_parts(), ["/credentials/0/subject"]);
    assert_eq!(refused.json()["errors"][0]["code"], "source-not-set");
    set(&issuer, "staff", &somewhere.url(), Some(("X-Key", "0pen-sesame"))).await.is(200);
    issuer.offer(pass()).await;
    let staff = listed().await.into_iter().find(|source| source["name"] == "staff").unwrap();
    assert_eq!((&staff["url"], &staff["header"]), (&json!(somewhere.url()), &json!("x-key")));
    assert!(!json!(listed().await).to_string().contains("0pen-sesame"));
    issuer.delete(&format!("/sources/{PASS}/staff")).await.is(204);
    issuer.delete(&format!("/sources/{PASS}/staff")).await.problem(404, "not-found");
    issuer.create(&pass()).await.problem(422, "invalid");
    // What another configuration's template was given is not this one's.
    let request = issuer.request(Method::PUT, "/sources/employee-badge/staff");
    Answer::to(request.json(&json!({ "url": somewhere.url() }))).await.is(200);
    issuer.create(&pass()).await.problem(422, "invalid");
}

#[tokio::test]
async fn what_is_no_source_is_refused_part_by_part() {
    let issuer = platform().newcomer().await.issuer();
    let refused = set(&issuer, "staff", "https://10.0.0.1/", Some(("Host", "a\nb"))).await;
    assert_eq!(refused.wrong_parts(), ["/header/name", "/header/value", "/url"]);
    for header in ["content-length", "Transfer-Encoding", "proxy-authorization", "a b", ""] {
        let refused = set(&issuer, "staff", "https://staff.test/", Some((header, "x"))).await;
        assert_eq!(refused.wrong_parts(), ["/header/name"], "{header}");
    }
    for name in ["Staff", "1st", "a_b", "%00"] {
        set(&issuer, name, "https://staff.test/", None).await.problem(404, "not-found");
    }
}
