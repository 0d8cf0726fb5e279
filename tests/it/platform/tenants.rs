//! Tenants as their operator makes and sees them

use chancery_tests::answer::text;
use chancery_tests::people::badge;
use chancery_tests::{Answer, platform, together, unique};
use reqwest::Method;
use serde_json::json;

fn slug() -> String {
    unique("s-").to_lowercase()
}

#[tokio::test]
async fn two_tenants_each_issue_a_credential_of_their_own() {
    let operator = platform().operator();
    let (one, other) = (operator.register(&slug()).await, operator.register(&slug()).await);
    for tenant in [&one, &other] {
        let offer = tenant.issuer().offer(badge()).await;
        let credential = tenant.wallet().claim(&offer).await;
        let taken_apart = tenant.verifier().verify(&credential).await;
        assert_eq!(taken_apart.payload["iss"], tenant.identifier.as_str());
        assert_eq!(tenant.issuer().state(&offer).await, "issued");
    }
    let keys = async |tenant: &chancery_tests::Acme| tenant.stranger().get("/jwks").await.json();
    assert_ne!(keys(&one).await, keys(&other).await, "each has a key of its own");
}

#[tokio::test]
async fn a_new_tenant_is_described_once_with_its_key() {
    let platform = platform();
    let (operator, slug) = (platform.operator(), slug());
    let created = operator.create(&slug).await.is(201);
    assert_eq!(created.header("etag"), Some("\"1\""));
    let tenant = created.json();
    assert!(text(&tenant["id"]).starts_with("tnt_"));
    assert_eq!(tenant["slug"], slug.as_str());
    assert_eq!(tenant["status"], "active");
    assert_eq!(tenant["issuer"], format!("{}/{slug}", platform.base));
    assert_eq!(tenant["management_url"], format!("{}/{slug}/api", platform.base));
    assert!(text(&tenant["token"]).starts_with("chk_"));

    let shown = operator.get(&format!("/tenants/{}", text(&tenant["id"]))).await;
    assert_eq!(shown.header("etag"), Some("\"1\""));
    let shown = shown.granted();
    assert!(shown.get("token").is_none(), "it appears only once");
    assert_eq!(shown["created_at"], tenant["created_at"]);
}

#[tokio::test]
async fn a_slug_that_is_taken_is_refused_and_so_is_one_that_was_taken_once() {
    let operator = platform().operator();
    let slug = slug();
    let tenant = operator.register(&slug).await;
    operator.create(&slug).await.problem(409, "conflict");
    operator.delete(&tenant).await.is(200);
    operator.create(&slug).await.problem(409, "conflict");
}

#[tokio::test]
async fn of_many_who_want_a_slug_one_gets_it() {
    let operator = platform().operator();
    let slug = slug();
    let answers = together((0..8).map(|_| {
        let (operator, slug) = (operator.clone(), slug.clone());
        async move { operator.create(&slug).await }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "conflict");
    }
}

#[tokio::test]
async fn a_slug_that_could_be_mistaken_is_refused() {
    let operator = platform().operator();
    for wrong in [
        "",
        "-",
        "A",
        "acme-",
        "a--b",
        "xn--80ak6aa92e",
        "1st",
        "a.b",
        "../a",
        "a/b",
        "admin",
        "api",
        "www",
        "token",
        "аcme",
        "a'; drop table tenants",
        "a\u{0}",
        &"a".repeat(64),
    ] {
        let parts = operator.create(wrong).await.wrong_parts();
        assert_eq!(parts, ["/slug"], "{wrong:?}");
    }
    for name in ["", " padded ", "a\u{202e}b", "a\nb", &"n".repeat(201)] {
        let answer = operator.post("/tenants", &json!({ "slug": slug(), "name": name })).await;
        assert_eq!(answer.wrong_parts(), ["/name"], "{name:?}");
    }
    let foreign = json!({ "slug": slug(), "name": "n", "status": "active" });
    operator.post("/tenants", &foreign).await.problem(422, "invalid");
    let unnamed = json!({ "slug": slug(), "name": "n", "owner": ["ada@example.com"] });
    operator.post("/tenants", &unnamed).await.problem(422, "invalid");
}

#[tokio::test]
async fn a_repeated_registration_is_answered_as_before() {
    let operator = platform().operator();
    let body = json!({ "slug": slug(), "name": "Twice" });
    let ask = async || {
        Answer::to(operator.request(Method::POST, "/tenants").header("Idempotency-Key", "k-1").json(&body))
            .await
    };
    let (first, second) = (ask().await.is(201), ask().await.is(201));
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn nobody_overwrites_what_they_have_not_seen() {
    let operator = platform().operator();
    let id = text(&operator.create(&slug()).await.is(201).json()["id"]);
    let path = format!("/tenants/{id}");
    let rename = async |name: &str, tag: Option<&str>| {
        let mut request = operator.request(Method::PATCH, &path).json(&json!({ "name": name }));
        if let Some(tag) = tag {
            request = request.header("If-Match", tag);
        }
        Answer::to(request).await
    };
    rename("Blind", None).await.problem(428, "precondition-required");
    let renamed = rename("First", Some("\"1\"")).await.is(200);
    assert_eq!(renamed.header("etag"), Some("\"2\""));
    assert_eq!(renamed.json()["name"], "First");
    rename("Second", Some("\"1\"")).await.problem(412, "precondition-failed");
    assert_eq!(operator.get(&path).await.granted()["name"], "First");
    for wrong in [json!({ "slug": "x" }), json!({ "name": null }), json!([]), json!(["x"])] {
        let request = operator.request(Method::PATCH, &path).header("If-Match", "*").json(&wrong);
        Answer::to(request).await.problem(422, "invalid");
    }
    // A merge patch by its own name (RFC 7396); what changes nothing is no new version and is not told.
    let patch = async |body: &str| {
        let request = operator.request(Method::PATCH, &path).header("If-Match", "\"2\"");
        let request = request.header("content-type", "application/merge-patch+json").body(body.to_owned());
        Answer::to(request).await.is(200)
    };
    for nothing in ["{}", "{\"name\":\"First\"}"] {
        assert_eq!(patch(nothing).await.header("etag"), Some("\"2\""), "{nothing}");
    }
    let told = operator.get(&format!("/audit?target={id}&action=tenant.renamed")).await.granted();
    assert_eq!(told["data"].as_array().unwrap().len(), 1);
    assert_eq!(patch("{\"name\":\"Third\"}").await.header("etag"), Some("\"3\""));
}

#[tokio::test]
async fn tenants_are_found_by_page_by_search_and_below_their_parent() {
    let operator = platform().operator();
    let word = slug();
    let parent = operator.create(&word).await.is(201).json();
    let mut children = Vec::new();
    for number in 0..3 {
        let child = json!({ "slug": format!("{word}-{number}"), "name": "Child", "parent": parent["id"] });
        children.push(operator.post("/tenants", &child).await.is(201).json()["id"].clone());
    }
    children.reverse();
    let ids = |page: &serde_json::Value| -> Vec<_> {
        page["data"].as_array().unwrap().iter().map(|tenant| tenant["id"].clone()).collect()
    };
    let below = operator.get(&format!("/tenants/{}/children", text(&parent["id"]))).await.granted();
    assert_eq!(ids(&below), children);
    let first = operator.get(&format!("/tenants?search={word}&limit=2")).await.granted();
    assert_eq!(ids(&first), children[..2]);
    let cursor = text(&first["next_cursor"]);
    let rest = operator.get(&format!("/tenants?search={word}&limit=2&cursor={cursor}")).await.granted();
    assert_eq!(ids(&rest), [children[2].clone(), parent["id"].clone()]);
    assert!(rest["next_cursor"].is_null());
    assert!(ids(&operator.get("/tenants?search=%25").await.granted()).is_empty(), "nothing is a wildcard");
    for wrong in ["limit=0", "limit=101", "cursor=x", "unknown=1", "search=%00", "search=a%0Ab"] {
        operator.get(&format!("/tenants?{wrong}")).await.problem(400, "malformed-request");
    }
    let orphan =
        json!({ "slug": slug(), "name": "Orphan", "parent": "tnt_00000000000070008000000000000000" });
    assert_eq!(operator.post("/tenants", &orphan).await.wrong_parts(), ["/parent"]);
}

#[tokio::test]
async fn the_platform_itself_is_in_no_list() {
    let operator = platform().operator();
    let listed = operator.get("/tenants?search=platform&limit=100").await.granted();
    for tenant in listed["data"].as_array().unwrap() {
        assert_ne!(tenant["slug"], "platform");
    }
    let orphan = json!({ "slug": slug(), "name": "n", "parent": "platform" });
    assert_eq!(operator.post("/tenants", &orphan).await.wrong_parts(), ["/parent"]);
}

#[tokio::test]
async fn only_an_operator_administers() {
    let platform = platform();
    let tenant = platform.newcomer().await;
    let owner = platform.holder_of(&tenant.key);
    owner.get("/tenants").await.problem(401, "unauthenticated");
    owner.create(&slug()).await.problem(401, "unauthenticated");
    let nobody = platform.holder_of("chk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    nobody.get("/tenants").await.problem(401, "unauthenticated");
    // And the operator's key opens no tenant.
    let offer = tenant.holder_of(&platform.key).create(&badge()).await;
    offer.problem(401, "unauthenticated");
}
