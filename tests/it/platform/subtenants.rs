//! Tenants below a tenant: administered by their parent, never looked into

use chancery_tests::answer::text;
use chancery_tests::people::{Issuer, badge};
use chancery_tests::{Acme, Answer, Platform, platform, together, unique};
use reqwest::Method;
use serde_json::{Value, json};

fn child() -> Value {
    let slug = unique("c-").to_lowercase();
    json!({ "slug": slug, "name": "Child", "owner": { "email": "ada@example.com" } })
}

/// A child, its id, and its owner, who accepted the invitation.
async fn born(platform: &Platform, parent: &Issuer) -> (Acme, String) {
    let mut described = parent.post("/subtenants", &child()).await.is(201).json();
    assert!(described.get("token").is_none(), "a parent gets no key: {described}");
    let invitation = described["invitation"].clone();
    described["token"] = "none".into();
    let tenant = platform.tenant(&described);
    let accepted = tenant.issuer().post("/invitations/accept", &json!({ "invitation": invitation })).await;
    let key = text(&accepted.is(201).json()["key"]);
    (Acme { key, ..tenant }, text(&described["id"]))
}

async fn change(parent: &Issuer, id: &str, change: &str) -> Answer {
    parent.post(&format!("/subtenants/{id}/{change}"), &json!({})).await
}

#[tokio::test]
async fn a_parent_administers_its_child_and_sees_nothing_of_its_data() {
    let platform = platform();
    let parent = platform.newcomer().await;
    let issuer = parent.issuer();
    let (child, id) = born(&platform, &issuer).await;
    let offer = child.issuer().offer(badge()).await;
    child.wallet().claim(&offer).await;

    // The parent's keys and tokens are a stranger's there, and its own lists do not grow.
    let token = issuer.client(&["owner"]).await.token().await;
    for path in ["/offers", "/credentials", "/audit", "/api-keys"] {
        child.holder_of(&parent.key).get(path).await.problem(401, "unauthenticated");
        child.holder_of(&token).get(path).await.problem(404, "not-found");
    }
    assert!(issuer.get("/offers").await.granted()["data"].as_array().unwrap().is_empty());
    issuer.get(&format!("/offers/{}", offer.id)).await.problem(404, "not-found");

    let listed = issuer.get("/subtenants").await.granted()["data"].clone();
    let shown = issuer.get(&format!("/subtenants/{id}")).await;
    let tag = shown.header("etag").unwrap().to_owned();
    let shown = shown.granted();
    assert_eq!(listed, json!([shown]));
    assert_eq!((&shown["status"], &shown["issuer"]), (&json!("active"), &json!(child.identifier)));

    let rename = |tag: &str| {
        let request = issuer.request(Method::PATCH, &format!("/subtenants/{id}")).header("if-match", tag);
        Answer::to(request.json(&json!({ "name": "Renamed" })))
    };
    assert_eq!(rename(&tag).await.is(200).json()["name"], "Renamed");
    rename(&tag).await.problem(412, "precondition-failed");

    assert_eq!(change(&issuer, &id, "suspend").await.is(200).json()["status"], "suspended");
    child.issuer().create(&badge()).await.problem(403, "suspended");
    change(&issuer, &id, "suspend").await.problem(409, "wrong-state");
    change(&issuer, &id, "resume").await.is(200);
    child.issuer().create(&badge()).await.is(201);
    change(&issuer, &id, "close").await.is(200);
    child.issuer().create(&badge()).await.problem(409, "wrong-state");
    let platforms = platform.operator().get(&format!("/audit?target={id}")).await.granted();
    let told: Vec<_> =
        platforms["data"].as_array().unwrap().iter().map(|entry| text(&entry["action"])).collect();
    assert_eq!(
        told,
        ["tenant.closed", "tenant.resumed", "tenant.suspended", "tenant.renamed", "tenant.registered"]
    );
    assert!(platforms["data"].as_array().unwrap().iter().all(|entry| entry["actor"] == "api-key"));
}

#[tokio::test]
async fn only_the_parent_itself_is_above_a_tenant() {
    let platform = platform();
    let (parent, stranger) = (platform.newcomer().await, platform.newcomer().await);
    let (child, id) = born(&platform, &parent.issuer()).await;
    let (_, grandchild) = born(&platform, &child.issuer()).await;
    let own = platform.operator().id_of(&parent).await;
    for (who, id) in [
        (&stranger, &id),
        // Not over two steps, not upwards, and nobody is above themselves.
        (&parent, &grandchild),
        (&child, &own),
        (&parent, &own),
    ] {
        who.issuer().get(&format!("/subtenants/{id}")).await.problem(404, "not-found");
        change(&who.issuer(), id, "suspend").await.problem(404, "not-found");
    }
    change(&child.issuer(), &grandchild, "suspend").await.is(200);
    let children = platform.operator().get(&format!("/tenants/{own}/children")).await.granted();
    assert_eq!(children["data"].as_array().unwrap().len(), 1);
    assert_eq!(children["data"][0]["id"], id.as_str());
    // A parent is said once and for all, so no circle closes.
    for member in ["parent", "slug", "status"] {
        let request = parent.issuer().request(Method::PATCH, &format!("/subtenants/{id}"));
        let answer = Answer::to(request.header("if-match", "*").json(&json!({ member: own }))).await;
        answer.problem(422, "invalid");
    }
}

#[tokio::test]
async fn a_parent_does_not_end_what_an_operator_decided() {
    let platform = platform();
    let operator = platform.operator();
    let parent = platform.newcomer().await;
    let (child, id) = born(&platform, &parent.issuer()).await;
    operator.change(&child, "suspend").await.is(200);
    change(&parent.issuer(), &id, "resume").await.problem(409, "wrong-state");
    child.issuer().get("/offers").await.problem(403, "suspended");
    operator.change(&child, "resume").await.is(200);
    // The other way round an operator may.
    change(&parent.issuer(), &id, "suspend").await.is(200);
    operator.change(&child, "resume").await.is(200);
    child.issuer().create(&badge()).await.is(201);
}

#[tokio::test]
async fn an_operator_makes_a_parents_suspension_their_own() {
    let platform = platform();
    let operator = platform.operator();
    let parent = platform.newcomer().await;
    let (child, id) = born(&platform, &parent.issuer()).await;
    change(&parent.issuer(), &id, "suspend").await.is(200);
    // A new name says nothing of who suspended.
    let rename = operator.request(Method::PATCH, &format!("/tenants/{id}")).header("if-match", "*");
    Answer::to(rename.json(&json!({ "name": "Renamed" }))).await.is(200);
    change(&parent.issuer(), &id, "resume").await.is(200);
    change(&parent.issuer(), &id, "suspend").await.is(200);

    assert_eq!(operator.change(&child, "suspend").await.is(200).json()["status"], "suspended");
    let told = operator.get(&format!("/audit?target={id}&limit=1")).await.granted()["data"][0].clone();
    assert_eq!(told["action"], "tenant.suspended");
    assert_eq!(told["before"], json!({ "status": "suspended", "suspended_by": "parent" }));
    assert_eq!(told["after"], json!({ "status": "suspended", "suspended_by": "operator" }));
    operator.change(&child, "suspend").await.problem(409, "wrong-state");
    for step in ["resume", "suspend"] {
        change(&parent.issuer(), &id, step).await.problem(409, "wrong-state");
    }
    child.issuer().get("/offers").await.problem(403, "suspended");
    operator.change(&child, "resume").await.is(200);
    child.issuer().create(&badge()).await.is(201);
}

#[tokio::test]
async fn what_a_parent_was_refused_is_told_nowhere() {
    let platform = platform();
    let (operator, parent) = (platform.operator(), platform.newcomer().await);
    let issuer = parent.issuer();
    let (_, id) = born(&platform, &issuer).await;
    let taken = child();
    issuer.post("/subtenants", &taken).await.is(201);
    let trails = async || {
        let own = issuer.get("/audit").await.granted()["data"].clone();
        (own, operator.get(&format!("/audit?target={id}")).await.granted()["data"].clone())
    };
    let before = trails().await;
    issuer.post("/subtenants", &taken).await.problem(409, "conflict");
    let order = |key: &str| issuer.request(Method::POST, "/subtenants").header("idempotency-key", key);
    Answer::to(order("of a slug that is taken").json(&taken)).await.problem(409, "conflict");
    change(&issuer, &id, "resume").await.problem(409, "wrong-state");
    // Of many who rename at once, one has seen what is there.
    let tag = issuer.get(&format!("/subtenants/{id}")).await.header("etag").unwrap().to_owned();
    let answers = together((0..6).map(|_| {
        let request = issuer.request(Method::PATCH, &format!("/subtenants/{id}")).header("if-match", &tag);
        Answer::to(request.json(&json!({ "name": unique("Renamed ") })))
    }))
    .await;
    let (done, late): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((done.len(), late.len()), (1, 5));
    for answer in late {
        answer.problem(412, "precondition-failed");
    }
    let after = trails().await;
    let count = |trail: &Value| trail.as_array().unwrap().len();
    assert_eq!((count(&after.0), count(&after.1)), (count(&before.0) + 1, count(&before.1) + 1));
    assert_eq!(after.0[0]["action"], "subtenant.change-ordered");
}

#[tokio::test]
async fn a_child_is_registered_as_any_tenant_is() {
    let platform = platform();
    let parent = platform.newcomer().await;
    let issuer = parent.issuer();
    let taken = child();
    issuer.post("/subtenants", &taken).await.is(201);
    issuer.post("/subtenants", &taken).await.problem(409, "conflict");
    for (member, value, wrong) in [
        ("slug", json!("admin"), "/slug"),
        ("slug", json!("а-cyrillic"), "/slug"),
        ("name", json!("a\u{202e}b"), "/name"),
        ("owner", json!({ "email": "nobody" }), "/owner/email"),
        ("parent", json!("tnt_00000000000070008000000000000000"), ""),
        ("owner", json!(null), ""),
    ] {
        let mut request = child();
        request[member] = value;
        assert_eq!(issuer.post("/subtenants", &request).await.wrong_parts(), [wrong], "{request}");
    }
    let request = child();
    let again = async || {
        let request =
            issuer.request(Method::POST, "/subtenants").header("idempotency-key", "same").json(&request);
        Answer::to(request).await.is(201).json()
    };
    assert_eq!(again().await, again().await);
    platform.operator().change(&parent, "close").await.is(200);
    issuer.post("/subtenants", &child()).await.problem(409, "wrong-state");
    platform
        .application()
        .issuer()
        .key(&["admin"])
        .await
        .post("/subtenants", &child())
        .await
        .problem(409, "wrong-state");
}

#[tokio::test]
async fn an_operator_looks_after_a_tenants_addresses_and_keys() {
    let platform = platform();
    let (operator, tenant) = (platform.operator(), platform.newcomer().await);
    let id = operator.id_of(&tenant).await;
    let name = format!("{}.example", unique("d").to_lowercase());
    let domains = format!("/tenants/{id}/domains");
    operator.post(&domains, &json!({ "domain": name })).await.is(201);
    assert_eq!(tenant.issuer().get(&format!("/domains/{name}")).await.granted()["state"], "pending");
    operator.get(&format!("{domains}/{name}")).await.granted();
    assert_eq!(operator.get(&domains).await.granted()["data"].as_array().unwrap().len(), 1);
    operator.post(&format!("{domains}/{name}/verify"), &json!({})).await.is(202);
    let endpoint = format!("/tenants/{id}/public-endpoints/issuer");
    let bind = |url: &str| Answer::to(operator.request(Method::PUT, &endpoint).json(&json!({ "url": url })));
    assert_eq!(bind(&format!("https://{name}")).await.wrong_parts(), ["/url"], "it is not verified");
    bind(&tenant.identifier).await.is(200);
    let bound = operator.get(&format!("/tenants/{id}/public-endpoints")).await.granted();
    assert_eq!(bound["data"][0]["url"], tenant.identifier.as_str());
    Answer::to(operator.request(Method::DELETE, &format!("{domains}/{name}"))).await.is(204);

    operator.post(&format!("/tenants/{id}/keys/import"), &json!({ "jwk": {} })).await.wrong_parts();
    let told = tenant.issuer().get("/audit").await.granted();
    let told: Vec<_> = told["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (text(&entry["action"]), text(&entry["actor"])))
        .collect();
    let by_operator = |action: &str| (action.to_owned(), "operator".to_owned());
    let expected = ["domain.released", "endpoint.bound", "domain.verification-asked", "domain.claimed"];
    assert_eq!(told, expected.map(by_operator));

    operator.delete(&tenant).await.is(200);
    operator.post(&domains, &json!({ "domain": name })).await.problem(409, "wrong-state");
}
