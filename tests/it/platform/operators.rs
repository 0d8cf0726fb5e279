//! Operators, and the platform's own authorization server

use chancery_tests::answer::text;
use chancery_tests::{Answer, House, platform};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn an_operator_is_admitted_listed_and_dismissed() {
    let platform = platform();
    let operator = platform.operator();
    let name = chancery_tests::unique("operator ");
    let admitted = operator.post("/operators", &json!({ "name": name })).await.is(201).json();
    assert_eq!(admitted["scopes"], json!(["platform-admin"]));
    let colleague = platform.holder_of(&text(&admitted["key"]));
    let listed = colleague.get("/operators").await.granted();
    let shown = listed["data"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    assert!(shown.get("key").is_none());
    let path = format!("/operators/{}", text(&admitted["id"]));
    let dismiss = async || Answer::to(operator.request(Method::DELETE, &path)).await;
    dismiss().await.is(204);
    colleague.get("/tenants").await.problem(401, "unauthenticated");
    dismiss().await.is(204);
    assert!(!operator.get("/operators").await.text().contains(&name));
    for wrong in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "x", "scopes": ["owner"] }),
        json!(["x"]),
        json!({ "name": " x" }),
        json!({ "name": "a\u{0}b" }),
        json!({ "name": "a\u{202e}b" }),
        json!({ "name": "n".repeat(101) }),
    ] {
        operator.post("/operators", &wrong).await.problem(422, "invalid");
    }
    for id in ["x", "key_00000000000070008000000000000000"] {
        let unknown = operator.request(Method::DELETE, &format!("/operators/{id}"));
        Answer::to(unknown).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn the_last_operator_stays() {
    let house = House::of_many();
    let platform = house.platform();
    let first = platform.operator();
    let admitted = first.post("/operators", &json!({ "name": "second" })).await.is(201).json();
    let second = platform.holder_of(&text(&admitted["key"]));
    let listed = second.get("/operators").await.granted();
    let second_id = text(&admitted["id"]);
    for one in listed["data"].as_array().unwrap().iter().filter(|one| one["id"] != second_id.as_str()) {
        let path = format!("/operators/{}", text(&one["id"]));
        Answer::to(second.request(Method::DELETE, &path)).await.is(204);
    }
    first.get("/tenants").await.problem(401, "unauthenticated");
    let last = second.request(Method::DELETE, &format!("/operators/{second_id}"));
    Answer::to(last).await.problem(409, "wrong-state");
    second.get("/tenants").await.granted();
}

#[tokio::test]
async fn an_operators_system_gets_tokens_from_the_platforms_own_server() {
    let platform = platform();
    let metadata =
        Answer::to(platform.http.get(format!("{}/.well-known/oauth-authorization-server", platform.base)))
            .await
            .is(200)
            .json();
    assert_eq!(metadata["issuer"], platform.base);
    assert_eq!(metadata["token_endpoint"], format!("{}/token", platform.base));
    assert_eq!(metadata["grant_types_supported"], json!(["client_credentials"]));
    assert_eq!(
        metadata["token_endpoint_auth_methods_supported"],
        json!(["private_key_jwt", "client_secret_basic", "client_secret_post"])
    );
    assert_eq!(metadata["pre-authorized_grant_anonymous_access_supported"], false);

    let application = platform.application();
    let client = application.issuer().client(&["platform-admin"]).await;
    let token = client.token().await;
    let keys = Answer::to(platform.http.get(text(&metadata["jwks_uri"]))).await.is(200).json();
    let (_, claims) = chancery_tests::jose::verify(&token, &keys);
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!(platform.base), &json!(format!("{}/api", platform.base)))
    );
    platform.holder_of(&token).get("/tenants").await.granted();
    platform.holder_of(&token).register(&chancery_tests::unique("t-").to_lowercase()).await;
    // Who administers the deployment may keep its clients, and gives nobody more than that.
    let keeper = application.holder_of(&token);
    keeper.client(&["platform-admin"]).await;
    keeper.post("/clients", &json!({ "name": "x", "scopes": ["owner"] })).await.problem(403, "forbidden");
    keeper.delete(&format!("/clients/{}", client.id)).await.is(204);
    platform.holder_of(&token).get("/tenants").await.problem(401, "unauthenticated");

    let grant = chancery_tests::people::wallet::GRANT;
    let wallets = client.request(&[("grant_type", grant), ("pre-authorized_code", "x")]);
    Answer::to(wallets).await.refused(400, "unsupported_grant_type");
    for path in ["/credential", "/nonce", "/.well-known/openid-credential-issuer", "/jwks"] {
        Answer::to(platform.http.get(format!("{}{path}", platform.base))).await.is(404);
    }
}
