//! `/api/clients`: systems that manage a tenant by tokens

use chancery_tests::answer::text;
use chancery_tests::people::{Client, Issuer, badge, diploma};
use chancery_tests::{Answer, acme};
use reqwest::Method;
use serde_json::{Value, json};

async fn patch(issuer: &Issuer, client: &Client, body: &Value) -> Answer {
    let request = issuer.request(Method::PATCH, &format!("/clients/{}", client.id));
    Answer::to(request.header("if-match", "*").json(body)).await
}

#[tokio::test]
async fn a_client_is_admitted_shown_changed_and_removed() {
    let acme = acme();
    let issuer = acme.issuer();
    let name = chancery_tests::unique("portal ");
    let body = json!({ "name": name, "scopes": ["issuance:offer", "issuance:offer"] });
    let created = issuer.post("/clients", &body).await.is(201);
    assert_eq!((created.header("etag"), created.header("cache-control")), (Some("\"1\""), Some("no-store")));
    let created = created.json();
    let client = Client::new(&acme, &created);
    assert!(client.id.starts_with("cli_") && client.secret.starts_with("chs_"));
    assert_eq!(created["scopes"], json!(["issuance:offer"]));
    assert_eq!(created["configuration_ids"], Value::Null);

    let path = format!("/clients/{}", client.id);
    let shown = issuer.get(&path).await;
    assert_eq!(shown.header("etag"), Some("\"1\""));
    let shown = shown.granted();
    assert!(shown.get("client_secret").is_none(), "it appears only once");
    assert_eq!(shown["name"], name);
    let mut cursor = String::new();
    let found = loop {
        let page = issuer.get(&format!("/clients?limit=2{cursor}")).await.granted();
        if let Some(found) = page["data"].as_array().unwrap().iter().find(|one| one["client_id"] == client.id)
        {
            break found.clone();
        }
        cursor = format!("&cursor={}", text(&page["next_cursor"]));
    };
    assert_eq!(found, shown);

    let blind = issuer.request(Method::PATCH, &path).json(&json!({ "name": "x" }));
    Answer::to(blind).await.problem(428, "precondition-required");
    let stale =
        issuer.request(Method::PATCH, &path).header("if-match", "\"7\"").json(&json!({ "name": "x" }));
    Answer::to(stale).await.problem(412, "precondition-failed");
    let changed = issuer.request(Method::PATCH, &path).header("if-match", "\"1\"");
    let changed = Answer::to(changed.json(&json!({ "configuration_ids": ["employee-badge"] }))).await.is(200);
    assert_eq!(changed.header("etag"), Some("\"2\""));
    assert_eq!(changed.json()["configuration_ids"], json!(["employee-badge"]));
    assert_eq!(changed.json()["name"], name, "what is not named stays");
    let all = patch(&issuer, &client, &json!({ "configuration_ids": null })).await.is(200).json();
    assert_eq!(all["configuration_ids"], Value::Null);

    issuer.delete(&path).await.is(204);
    issuer.delete(&path).await.problem(404, "not-found");
    issuer.get(&path).await.problem(404, "not-found");
    client.ask(&[]).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn a_request_for_a_client_says_what_is_wrong_with_it() {
    let issuer = acme().issuer();
    for (body, part) in [
        (json!({ "name": "", "scopes": ["auditor"] }), "/name"),
        (json!({ "name": "x".repeat(201), "scopes": ["auditor"] }), "/name"),
        (json!({ "name": "x", "scopes": [] }), "/scopes"),
        (json!({ "name": "x", "scopes": ["auditor"], "configuration_ids": [""] }), "/configuration_ids"),
        (
            json!({ "name": "x", "scopes": ["auditor"], "configuration_ids": ["a\u{0}"] }),
            "/configuration_ids",
        ),
        (
            json!({ "name": "x", "scopes": ["auditor"], "configuration_ids": vec!["x"; 101] }),
            "/configuration_ids",
        ),
        (json!({ "name": "x", "scopes": ["root"] }), ""),
        (json!({ "name": "x", "scopes": ["auditor"], "client_secret": "chs_of-my-own" }), ""),
    ] {
        assert_eq!(issuer.post("/clients", &body).await.wrong_parts(), [part], "{body}");
    }
    let client = issuer.client(&["auditor"]).await;
    for wrong in [json!({ "name": null }), json!({ "scopes": null }), json!({ "scopes": [] })] {
        patch(&issuer, &client, &wrong).await.problem(422, "invalid");
    }
    let rotate = format!("/clients/{}/rotate-secret", client.id);
    for wrong in [json!({ "overlap_seconds": 86_401 }), json!({ "overlap_seconds": -1 })] {
        issuer.post(&rotate, &wrong).await.problem(422, "invalid");
    }
    for id in ["x", "cli_0", "key_00000000000070008000000000000000", "cli_00000000000070008000000000000000"] {
        issuer.get(&format!("/clients/{id}")).await.problem(404, "not-found");
        issuer.post(&format!("/clients/{id}/rotate-secret"), &json!({})).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_secret_makes_way_for_the_next_at_once_or_with_an_overlap() {
    let acme = acme();
    let issuer = acme.issuer();
    let first = issuer.client(&["auditor"]).await;
    let held = first.manager().await;
    let rotate = format!("/clients/{}/rotate-secret", first.id);
    let overlapping = issuer.post(&rotate, &json!({ "overlap_seconds": 60 })).await.is(200);
    assert_eq!(overlapping.header("etag"), Some("\"2\""));
    let second = Client::new(&acme, &overlapping.json());
    first.token().await;
    second.token().await;
    let third = Answer::to(issuer.request(Method::POST, &rotate)).await.is(200).json();
    let third = Client::new(&acme, &third);
    for former in [&first, &second] {
        former.ask(&[]).await.refused(401, "invalid_client");
    }
    third.token().await;
    held.get("/offers").await.granted();
}

#[tokio::test]
async fn a_token_dies_with_its_client_and_loses_what_the_client_loses() {
    let acme = acme();
    let issuer = acme.issuer();
    let client = issuer.client(&["issuance:offer", "auditor"]).await;
    let manager = client.manager().await;
    manager.create(&badge()).await.is(201);
    patch(&issuer, &client, &json!({ "scopes": ["auditor"] })).await.is(200);
    manager.create(&badge()).await.problem(403, "forbidden");
    manager.get("/offers").await.granted();
    issuer.delete(&format!("/clients/{}", client.id)).await.is(204);
    manager.get("/offers").await.problem(401, "unauthenticated");
    manager.create(&badge()).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_client_offers_what_it_may_and_nothing_beside_it() {
    let acme = acme();
    let client =
        acme.issuer().client_that_offers(&["issuance:offer"], json!(["employee-badge", "of-tomorrow"])).await;
    let manager = client.manager().await;
    manager.create(&badge()).await.is(201);
    for request in [diploma(), badge().and(&diploma())] {
        let problem = manager.create(&request).await.problem(403, "forbidden");
        assert!(text(&problem["detail"]).contains("university-diploma"), "{problem}");
    }
    let none = acme.issuer().client_that_offers(&["issuance:offer"], json!([])).await;
    none.manager().await.create(&badge()).await.problem(403, "forbidden");
}

#[tokio::test]
async fn nobody_gives_what_they_do_not_hold_nor_takes_hold_of_who_has_more() {
    let acme = acme();
    let owner = acme.issuer();
    let keeper = owner.client(&["clients:manage"]).await.manager().await;
    for scopes in [["owner"], ["admin"], ["issuance:offer"], ["platform-admin"]] {
        for path in ["/clients", "/api-keys"] {
            keeper.post(path, &json!({ "name": "x", "scopes": scopes })).await.problem(403, "forbidden");
        }
    }
    owner
        .post("/clients", &json!({ "name": "x", "scopes": ["platform-admin"] }))
        .await
        .problem(403, "forbidden");
    let peer = keeper.client(&["clients:manage"]).await;
    patch(&keeper, &peer, &json!({ "scopes": ["owner"] })).await.problem(403, "forbidden");

    // A new secret, or a new name, of somebody with more would be a way up.
    let mighty = owner.client(&["owner"]).await;
    let path = format!("/clients/{}", mighty.id);
    keeper.post(&format!("{path}/rotate-secret"), &json!({})).await.problem(403, "forbidden");
    keeper.delete(&path).await.problem(403, "forbidden");
    patch(&keeper, &mighty, &json!({ "scopes": ["clients:manage"] })).await.problem(403, "forbidden");
    mighty.token().await;

    // Who may offer some credentials makes nobody who may offer others.
    let limited = owner.client_that_offers(&["admin"], json!(["employee-badge"])).await.manager().await;
    let body = |ids: Value| json!({ "name": "x", "scopes": ["issuance:offer"], "configuration_ids": ids });
    limited.post("/clients", &body(json!(["employee-badge"]))).await.is(201);
    for ids in [Value::Null, json!(["employee-badge", "university-diploma"])] {
        limited.post("/clients", &body(ids)).await.problem(403, "forbidden");
    }
    limited.post("/api-keys", &json!({ "name": "x", "scopes": ["auditor"] })).await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_repeated_offer_of_a_client_is_answered_as_before_with_another_token() {
    let acme = acme();
    let client = acme.issuer().client(&["issuance:offer"]).await;
    let ask = async || {
        let manager = client.manager().await;
        let request = manager.request(Method::POST, "/offers").header("idempotency-key", "order 1");
        Answer::to(request.json(&badge().0)).await.is(201)
    };
    assert_eq!(ask().await.body, ask().await.body);
}
