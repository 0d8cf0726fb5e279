//! `/api/api-keys`, and what each scope may do

use chancery_tests::answer::text;
use chancery_tests::people::badge;
use chancery_tests::{Answer, acme, twins};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_key_is_shown_once() {
    let issuer = acme().issuer();
    let name = chancery_tests::unique("key ");
    let body = json!({ "name": name, "scopes": ["auditor", "auditor"] });
    let created = issuer.post("/api-keys", &body).await.is(201);
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let created = created.json();
    assert_eq!(created["scopes"], json!(["auditor"]));
    let secret = text(&created["key"]);
    assert!(secret.starts_with("chk_") && secret.len() > 40);
    let listed = issuer.get("/api-keys").await.granted();
    let shown = listed["data"].as_array().unwrap().iter().find(|key| key["name"] == name.as_str()).unwrap();
    assert_eq!(shown["id"], created["id"]);
    assert!(!listed.to_string().contains(&secret) && shown.get("key").is_none());
}

#[tokio::test]
async fn each_scope_may_do_what_it_says_and_no_more() {
    let acme = acme();
    let manager = acme.issuer();
    let offer = manager.offer(badge()).await;
    acme.wallet().claim(&offer).await;
    let credential = manager.issued(&offer).await.remove(0);
    let open = manager.offer(badge()).await;

    let auditor = manager.key(&["auditor"]).await;
    let clerk = manager.key(&["issuance:offer"]).await;
    let chief = manager.key(&["issuance:manage"]).await;
    let reads = [
        "/offers".to_owned(),
        format!("/offers/{}", offer.id),
        "/credentials".to_owned(),
        format!("/credentials/{credential}"),
    ];
    for path in &reads {
        for anyone in [&auditor, &clerk, &chief] {
            anyone.get(path).await.granted();
        }
    }
    auditor.get("/api-keys").await.granted();
    chief.get("/api-keys").await.granted();
    clerk.get("/api-keys").await.problem(403, "forbidden");
    auditor.create(&badge()).await.problem(403, "forbidden");
    auditor.delete(&format!("/offers/{}", open.id)).await.problem(403, "forbidden");
    for (path, body) in [
        (format!("/credentials/{credential}/revoke"), Value::Null),
        (format!("/credentials/{credential}/suspend"), Value::Null),
        (format!("/credentials/{credential}/reinstate"), Value::Null),
        ("/api-keys".to_owned(), json!({ "name": "x", "scopes": ["auditor"] })),
    ] {
        auditor.post(&path, &body).await.problem(403, "forbidden");
        clerk.post(&path, &body).await.problem(403, "forbidden");
    }
    // What a caller may not do is not told apart by what exists.
    auditor.change("crd_00000000000070008000000000000000", "revoke").await.problem(403, "forbidden");
    assert_eq!(manager.state(&open).await, "created");

    clerk.create(&badge()).await.is(201);
    clerk.delete(&format!("/offers/{}", open.id)).await.is(204);
    chief.create(&badge()).await.is(201);
    chief.change(&credential, "suspend").await.granted();
    chief.key(&["auditor", "issuance:offer", "issuance:manage"]).await;
}

#[tokio::test]
async fn a_request_for_a_key_says_what_is_wrong_with_it() {
    let issuer = acme().issuer();
    for (body, part) in [
        (json!({ "name": "", "scopes": ["auditor"] }), "/name"),
        (json!({ "name": "x".repeat(101), "scopes": ["auditor"] }), "/name"),
        (json!({ "name": "x", "scopes": [] }), "/scopes"),
    ] {
        assert_eq!(issuer.post("/api-keys", &body).await.wrong_parts(), [part]);
    }
    for body in [
        json!({ "name": "x" }),
        json!({ "scopes": ["auditor"] }),
        json!({ "name": "x", "scopes": ["platform:operator"] }),
        json!({ "name": "x", "scopes": "auditor" }),
        json!({ "name": 7, "scopes": ["auditor"] }),
        json!({ "name": "x", "scopes": ["auditor"], "key": "chk_of-my-own" }),
    ] {
        assert!(!issuer.post("/api-keys", &body).await.wrong_parts().is_empty());
    }
}

#[tokio::test]
async fn nothing_but_a_key_opens_the_door() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let ask = |authorization: String| {
        let request = acme.stranger().request(Method::GET, "/api/offers");
        Answer::to(request.header("authorization", authorization))
    };
    let mut changed = acme.key.clone();
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'Q' } else { 'A' });
    for wrong in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {changed}"),
        format!("Bearer {}", &acme.key[4..]),
        format!("Bearer {}", acme.key.to_uppercase()),
        format!("Bearer {}=", acme.key),
        format!("Bearer {}", token.text),
        format!("Basic {}", acme.key),
        acme.key.clone(),
        format!("Bearer {0}, Bearer {0}", acme.key),
        format!("Bearer {}", "x".repeat(5000)),
    ] {
        ask(wrong).await.problem(401, "unauthenticated");
    }
    let twice = acme.issuer().request(Method::GET, "/offers").header("authorization", "Bearer x");
    Answer::to(twice).await.problem(401, "unauthenticated");
    let query = format!("/api/offers?access_token={0}&key={0}&token={0}", acme.key);
    acme.stranger().get(&query).await.problem(401, "unauthenticated");
    ask(format!("bEARER {}", acme.key)).await.granted();
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_anywhere_at_once() {
    let [here, there] = twins();
    let body = json!({ "name": "portal", "scopes": ["issuance:offer"] });
    let created = here.issuer().post("/api-keys", &body).await.is(201).json();
    let key = here.holder_of(&text(&created["key"]));
    let same = there.holder_of(key.secret());
    // Good a moment ago, and known so at both.
    key.create(&badge()).await.is(201);
    same.create(&badge()).await.is(201);
    let path = format!("/api-keys/{}", text(&created["id"]));
    assert!(here.issuer().get(&path).await.granted().get("revoked_at").is_none());
    let renamed = here.issuer().request(Method::PATCH, &path).json(&json!({ "name": "Retired" }));
    assert_eq!(Answer::to(renamed).await.is(200).json()["name"], "Retired");
    here.issuer().delete(&path).await.is(204);
    for holder in [&key, &same] {
        holder.create(&badge()).await.problem(401, "unauthenticated");
        holder.get("/offers").await.problem(401, "unauthenticated");
    }
    here.issuer().delete(&path).await.is(204);
    let shown = there.issuer().get(&path).await.granted();
    assert!(shown["revoked_at"].is_string());
    assert_eq!(shown["name"], "Retired");
}

#[tokio::test]
async fn a_key_is_revoked_only_by_who_holds_as_much() {
    let acme = acme();
    let owner = acme.issuer();
    let created = owner.post("/api-keys", &json!({ "name": "x", "scopes": ["admin"] })).await.is(201).json();
    let path = format!("/api-keys/{}", text(&created["id"]));
    for scopes in [["issuance:manage"], ["clients:manage"]] {
        let lesser = owner.key(&scopes).await;
        lesser.delete(&path).await.problem(403, "forbidden");
        let renamed = lesser.request(Method::PATCH, &path).json(&json!({ "name": "mine" }));
        Answer::to(renamed).await.problem(403, "forbidden");
    }
    let named = |name: serde_json::Value| owner.request(Method::PATCH, &path).json(&json!({ "name": name }));
    Answer::to(named("".into())).await.problem(422, "invalid");
    Answer::to(named(7.into())).await.problem(422, "invalid");
    for id in ["x", "key_00000000000070008000000000000000"] {
        owner.get(&format!("/api-keys/{id}")).await.problem(404, "not-found");
        owner.delete(&format!("/api-keys/{id}")).await.problem(404, "not-found");
    }
}
