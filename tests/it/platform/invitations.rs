//! An owner is invited, and comes in once

use chancery_tests::answer::text;
use chancery_tests::people::badge;
use chancery_tests::{Acme, Answer, House, platform, together, unique};
use reqwest::Method;
use serde_json::{Value, json};

async fn accept(tenant: &Acme, invitation: &str) -> Answer {
    let request = tenant.stranger().request(Method::POST, "/api/invitations/accept");
    Answer::to(request.json(&json!({ "invitation": invitation }))).await
}

async fn invited(platform: &chancery_tests::Platform, email: &str) -> (Acme, String) {
    let slug = unique("i-").to_lowercase();
    let body = json!({ "slug": slug, "name": "Invited", "owner": { "email": email } });
    let mut described = platform.operator().post("/tenants", &body).await.is(201).json();
    assert!(!described.to_string().contains(email));
    let invitation = text(&described["invitation"]);
    described["token"] = Value::from("none");
    (platform.tenant(&described), invitation)
}

#[tokio::test]
async fn who_was_invited_owns_the_tenant() {
    let platform = platform();
    let (tenant, invitation) = invited(&platform, "ada@example.com").await;
    assert!(invitation.starts_with("chi_"));
    let path = format!("/api/invitations/accept?invitation={invitation}");
    for _ in 0..3 {
        // As a scanner of mail follows links.
        tenant.stranger().get(&path).await.problem(405, "method-not-allowed");
    }
    let answers = together((0..4).map(|_| {
        let (tenant, invitation) = (tenant.clone(), invitation.clone());
        async move { accept(&tenant, &invitation).await }
    }))
    .await;
    let (accepted, late): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((accepted.len(), late.len()), (1, 3));
    let owner = accepted[0].json();
    assert_eq!(owner["scopes"], json!(["owner"]));
    tenant.holder_of(&text(&owner["key"])).offer(badge()).await;

    // Wrong, used, somebody else's and malformed are one answer.
    let (other, foreign) = invited(&platform, "b@example.com").await;
    let mut bodies: Vec<_> = late.into_iter().map(|answer| answer.body).collect();
    for wrong in [invitation.as_str(), &foreign, "chi_x", "", &tenant.key] {
        let answer = accept(&tenant, wrong).await;
        bodies.push(answer.body.clone());
        answer.problem(404, "not-found");
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    accept(&other, &foreign).await.is(201);
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    let operator = platform().operator();
    for email in
        ["", "ada", "@", "ada@", "@example.com", "a da@example.com", "a@b\r\nBcc: c@d", &"a@".repeat(200)]
    {
        let slug = unique("i-").to_lowercase();
        let body = json!({ "slug": slug, "name": "n", "owner": { "email": email } });
        assert_eq!(operator.post("/tenants", &body).await.wrong_parts(), ["/owner/email"], "{email:?}");
    }
}

#[tokio::test]
async fn neither_the_address_nor_a_secret_reaches_the_disk_or_the_log() {
    let house = House::with(&[("SAAS_MODE", "true"), ("CHANCERY_LOG", "debug")]);
    let platform = house.platform();
    let email = format!("{}@example.com", unique("canary").to_lowercase());
    let (tenant, invitation) = invited(&platform, &email).await;
    let owner = tenant.holder_of(&text(&accept(&tenant, &invitation).await.is(201).json()["key"]));
    let client = owner.client(&["owner"]).await;
    let token = client.token().await;
    tenant.holder_of(&token).get("/offers").await.granted();
    let claims = token.split('.').nth(1).unwrap().to_owned();
    house.stop();
    let log = house.log();
    for secret in [&email, &invitation, &client.secret, &claims] {
        assert!(!log.contains(secret.as_str()), "{secret} is in the log");
        assert!(!is_below(&house.data().join("postgres"), secret.as_bytes()), "{secret} is on the disk");
    }
    assert!(is_below(&house.data().join("postgres"), b"Invited"), "something is found there");
}

/// Whether any file below holds the bytes.
fn is_below(directory: &std::path::Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(directory).unwrap().map(Result::unwrap).any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return is_below(&path, bytes);
        }
        std::fs::read(&path).is_ok_and(|content| content.windows(bytes.len()).any(|window| window == bytes))
    })
}
