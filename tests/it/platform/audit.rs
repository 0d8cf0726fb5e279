//! Who did what to tenants

use chancery_tests::answer::text;
use chancery_tests::people::{Operator, Plugin};
use chancery_tests::{Answer, platform, unique};
use reqwest::Method;
use serde_json::{Value, json};

use crate::manage::openapi::routed_by;

/// What the trail says of the request that this is the answer to.
async fn told_of(operator: &Operator, answer: &Answer) -> Vec<Value> {
    let request = answer.header("x-request-id").unwrap();
    let page = operator.get("/audit?limit=100").await.granted();
    let entries = page["data"].as_array().unwrap();
    entries.iter().filter(|entry| entry["request_id"] == request).cloned().collect()
}

/// If you are here because a route is unknown: let its operation tell the audit trail, in the transaction of
/// the change, and do here what the route does.
#[tokio::test]
async fn every_change_is_told_once() {
    let platform = platform();
    let operator = platform.operator();
    for (method, path) in routed_by("fn operators()").into_iter().filter(|(method, _)| method != "get") {
        let tenant = operator.create(&unique("t-").to_lowercase()).await.is(201).json();
        let id = text(&tenant["id"]);
        let at = |path: &str| path.replace("{id}", &id);
        let (answer, action, before, after) = match (method.as_str(), path.as_str()) {
            ("post", "/tenants") => {
                let slug = unique("t-").to_lowercase();
                let answer = operator.create(&slug).await.is(201);
                let made = json!({ "slug": slug, "name": format!("The {slug}"), "parent": null });
                (answer, "tenant.registered", Value::Null, made)
            }
            ("patch", "/tenants/{id}") => {
                let request = operator.request(Method::PATCH, &at(&path)).header("if-match", "*");
                let answer = Answer::to(request.json(&json!({ "name": "New" }))).await;
                (answer, "tenant.renamed", json!({ "name": tenant["name"] }), json!({ "name": "New" }))
            }
            ("delete", "/tenants/{id}") => {
                let answer = Answer::to(operator.request(Method::DELETE, &at(&path))).await;
                (answer, "tenant.deleted", json!({ "status": "active" }), json!({ "status": "deleted" }))
            }
            ("post", "/tenants/{id}/suspend") => {
                let answer = Answer::to(operator.request(Method::POST, &at(&path))).await;
                (answer, "tenant.suspended", json!({ "status": "active" }), json!({ "status": "suspended" }))
            }
            ("post", "/tenants/{id}/resume") => {
                Answer::to(operator.request(Method::POST, &at("/tenants/{id}/suspend"))).await.is(200);
                let answer = Answer::to(operator.request(Method::POST, &at(&path))).await;
                (answer, "tenant.resumed", json!({ "status": "suspended" }), json!({ "status": "active" }))
            }
            ("post", "/tenants/{id}/close") => {
                let answer = Answer::to(operator.request(Method::POST, &at(&path))).await;
                (answer, "tenant.closed", json!({ "status": "active" }), json!({ "status": "closing" }))
            }
            // See `halts_are_told`, `what_is_done_to_the_catalogue_is_told`, and `configuration.rs`, whose house is its own. The others are told in the trail
            // of the tenant whose they are.
            (
                _,
                "/halts"
                | "/halts/{id}"
                | "/configuration"
                | "/tenants/{id}/keys/rotate"
                | "/tenants/{id}/keys/import"
                | "/tenants/{id}/domains"
                | "/tenants/{id}/domains/{domain}"
                | "/tenants/{id}/domains/{domain}/verify"
                | "/tenants/{id}/public-endpoints/{service}"
                | "/tenants/{id}/keys/{kid}/revoke"
                | "/tenants/{id}/activations"
                | "/tenants/{id}/activations/{configuration_id}/rollback"
                | "/tenants/{id}/plugins/{digest}/approve"
                | "/plugins"
                | "/plugins/{digest}"
                | "/plugins/{digest}/approve"
                | "/plugins/{digest}/quarantine"
                | "/plugins/{digest}/release"
                | "/activations"
                | "/activations/{configuration_id}"
                | "/activations/{configuration_id}/rollback"
                // See `onboarding.rs` and `licenses.rs`, whose houses are their own.
                | "/tenants/{id}/approve"
                | "/tenants/{id}/reject"
                | "/policies/{name}"
                | "/license"
                | "/decisions/{id}/replay"
                // See `who_administers_the_deployment_is_the_platforms_to_tell`.
                | "/operators"
                | "/operators/{id}",
            ) => continue,
            _ => panic!("{method} {path} changes something: what does the audit trail say of it?"),
        };
        assert!((200..300).contains(&answer.status), "{answer}");
        let told = told_of(&operator, &answer).await;
        assert_eq!(told.len(), 1, "{method} {path}: {told:?}");
        let entry = &told[0];
        assert_eq!((&entry["action"], &entry["target"]), (&json!(action), &answer.json()["id"]));
        assert_eq!((&entry["before"], &entry["after"]), (&before, &after));
        assert_eq!(entry["actor"], "operator");
        assert!(text(&entry["actor_id"]).starts_with("key_") && text(&entry["id"]).starts_with("aud_"));
        assert!(!entry.to_string().contains("chk_"), "no token");
    }
}

#[tokio::test]
async fn halts_are_told() {
    let platform = platform();
    let (operator, tenant) = (platform.operator(), platform.newcomer().await);
    let id = operator.id_of(&tenant).await;
    let halt = json!({ "scope": "tenant", "tenant": id, "reason": "under investigation" });
    let ordered = operator.post("/halts", &halt).await.is(201);
    let target = ordered.json()["id"].clone();
    let path = format!("/halts/{}", text(&target));
    let lifted = Answer::to(operator.request(Method::DELETE, &path)).await.is(204);
    for (answer, action, before, after) in
        [(ordered, "halt.ordered", Value::Null, halt.clone()), (lifted, "halt.lifted", halt, Value::Null)]
    {
        let told = told_of(&operator, &answer).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["action"], &told[0]["target"]), (&json!(action), &target));
        assert_eq!((&told[0]["before"], &told[0]["after"]), (&before, &after));
    }
}

#[tokio::test]
async fn what_is_done_to_the_catalogue_is_told() {
    let (operator, tenant) = (platform().operator(), platform().newcomer().await);
    let plugin = Plugin::next_badge().saying("Employee pass.", &unique("Badge ")[..14]);
    let path = format!("/plugins/{}", plugin.digest());
    let uploaded = operator.upload(&plugin).await.is(201);
    let reason = json!({ "reason": "it leaks" });
    let quarantined = operator.post(&format!("{path}/quarantine"), &reason).await.is(204);
    let released = operator.post(&format!("{path}/release"), &json!({})).await.is(204);
    let discarded = Answer::to(operator.request(Method::DELETE, &path)).await.is(204);
    for (answer, action) in [
        (uploaded, "plugin.uploaded"),
        (quarantined, "plugin.quarantined"),
        (released, "plugin.released"),
        (discarded, "plugin.discarded"),
    ] {
        let told = told_of(&operator, &answer).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["action"], &told[0]["target"]), (&json!(action), &json!(plugin.digest())));
    }
    // What an operator does for one tenant stands in that tenant's trail.
    operator.upload(&plugin).await.is(201);
    let activation = json!({ "digest": plugin.digest() });
    operator.activate_for(&tenant, &activation).await.is(201);
    operator.roll_back_for(&tenant, "employee-badge").await.is(200);
    let told = tenant.issuer().get("/audit").await.granted();
    let told = told["data"].as_array().unwrap().iter().filter(|entry| entry["actor"] == "operator");
    let actions: Vec<_> = told.map(|entry| text(&entry["action"])).collect();
    assert_eq!(actions, ["plugin.rolled-back", "plugin.activated"]);
}

#[tokio::test]
async fn who_administers_the_deployment_is_the_platforms_to_tell() {
    let platform = platform();
    let operator = platform.operator();
    let keeper = platform.application().issuer();
    let own = async || keeper.get("/audit?limit=100").await.granted()["data"].clone();
    let before = own().await;
    let name = unique("operator ");
    let admitted = operator.post("/operators", &json!({ "name": name })).await.is(201);
    let id = text(&admitted.json()["id"]);
    let renamed =
        keeper.request(Method::PATCH, &format!("/api-keys/{id}")).json(&json!({ "name": "Another" }));
    let renamed = Answer::to(renamed).await.is(200);
    let dismissed = Answer::to(operator.request(Method::DELETE, &format!("/operators/{id}"))).await.is(204);
    let scopes = json!(["platform-admin"]);
    let client = json!({ "name": "a system", "scopes": scopes, "configuration_ids": null });
    let let_in = keeper.post("/clients", &client).await.is(201);
    let client_id = text(&let_in.json()["client_id"]);
    let removed = keeper.delete(&format!("/clients/{client_id}")).await.is(204);
    let names = |name: &str| json!({ "name": name });
    for (answer, action, target, before, after) in [
        (admitted, "operator.admitted", &id, Value::Null, json!({ "name": name, "scopes": scopes })),
        (renamed, "api-key.renamed", &id, names(&name), names("Another")),
        (dismissed, "operator.dismissed", &id, json!({}), Value::Null),
        (let_in, "client.admitted", &client_id, Value::Null, client.clone()),
        (removed, "client.removed", &client_id, client.clone(), Value::Null),
    ] {
        let told = told_of(&operator, &answer).await;
        assert_eq!(told.len(), 1, "{action}: {told:?}");
        assert_eq!((&told[0]["action"], &told[0]["target"]), (&json!(action), &json!(target)));
        assert_eq!((&told[0]["before"], &told[0]["after"]), (&before, &after), "{action}");
    }
    assert_eq!(own().await, before, "told once, not here");
    // Whoever does not administer the deployment is the tenant's own affair.
    keeper.key(&["auditor"]).await;
    assert_eq!(own().await[0]["action"], "api-key.created");
}

#[tokio::test]
async fn what_was_refused_or_answered_before_is_not_told() {
    let operator = platform().operator();
    let slug = unique("t-").to_lowercase();
    let tenant = operator.register(&slug).await;
    let taken = operator.create(&slug).await;
    taken.clone().problem(409, "conflict");
    let wrong = operator.change(&tenant, "resume").await;
    wrong.clone().problem(409, "wrong-state");
    let body = json!({ "slug": unique("t-").to_lowercase(), "name": "Twice" });
    let ask = async || {
        let request = operator.request(Method::POST, "/tenants").header("idempotency-key", &slug);
        Answer::to(request.json(&body)).await.is(201)
    };
    assert_eq!(told_of(&operator, &ask().await).await.len(), 1);
    for answer in [taken, wrong, ask().await] {
        assert_eq!(told_of(&operator, &answer).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn an_operators_trail_is_the_platforms_and_a_tenants_is_its_own() {
    let platform = platform();
    let (operator, tenant) = (platform.operator(), platform.newcomer().await);
    let id = operator.id_of(&tenant).await;
    let about = operator.get(&format!("/audit?target={id}")).await.granted();
    assert_eq!(about["data"][0]["action"], "tenant.registered");
    assert!(tenant.issuer().get("/audit").await.granted()["data"].as_array().unwrap().is_empty());
    platform.holder_of(&tenant.key).get("/audit").await.problem(401, "unauthenticated");
    platform.holder_of(&tenant.key).get("/audit/verification").await.problem(401, "unauthenticated");
    let founded = operator.get("/audit?action=platform.founded").await.granted();
    assert_eq!(founded["data"].as_array().unwrap().len(), 1);
    assert_eq!(founded["data"][0]["actor"], "host");
    assert_eq!(operator.get("/audit/verification").await.granted()["sound"], true);
}
