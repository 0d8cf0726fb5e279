//! `/api/openapi.json`, and the routes that it must describe

use std::collections::BTreeSet;

use chancery_tests::{Answer, acme};
use reqwest::Method;

/// Routes that are documents for people, not operations.
const DOCUMENTS: [&str; 3] = ["/openapi.json", "/docs", "/errors/{code}"];

/// Operations for whoever comes; they say so in the description.
const OPEN: [&str; 1] = ["/invitations/accept"];

/// What `routes.rs` routes for a self-hosted issuer: method and path.
fn routed() -> BTreeSet<(String, String)> {
    let mut routes = routed_by("fn managers()");
    routes.extend(routed_by("fn own_operation()"));
    routes
}

/// What a function in `routes.rs` routes: method and path.
pub(crate) fn routed_by(function: &str) -> BTreeSet<(String, String)> {
    let source = include_str!("../../../host/server/src/routes.rs");
    let body = source.split_once(function).unwrap().1.split_once("\n}").unwrap().0;
    let mut routes = BTreeSet::new();
    for route in body.split(".route(\"").skip(1) {
        let (path, methods) = route.split_once('"').unwrap();
        let methods = methods.split('\n').next().unwrap();
        for method in ["get", "post", "put", "delete", "patch"] {
            if methods.contains(&format!(" {method}(")) || methods.contains(&format!(".{method}(")) {
                routes.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    routes
}

#[tokio::test]
async fn the_description_lists_exactly_the_routes_there_are() {
    let acme = acme();
    let document = acme.stranger().get("/api/openapi.json").await.is(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone()))
        })
        .collect();
    let routed: BTreeSet<_> =
        routed().into_iter().filter(|(_, path)| !DOCUMENTS.contains(&path.as_str())).collect();
    assert!(routed.len() >= 21, "routes.rs is read wrongly: {routed:?}");
    assert_eq!(described, routed);
}

#[tokio::test]
async fn every_operation_is_closed_to_strangers_before_anything_else() {
    let acme = acme();
    for (method, path) in routed() {
        if DOCUMENTS.contains(&path.as_str()) || OPEN.contains(&path.as_str()) {
            continue;
        }
        let method: Method = method.to_uppercase().parse().unwrap();
        let path = format!("/api{}", path.replace("{id}", "crd_00000000000070008000000000000000"));
        acme.stranger().ask(method.clone(), &path).await.problem(401, "unauthenticated");
        // Not even what is wrong with the request is told.
        let body = acme.stranger().request(method.clone(), &path).header("content-type", "application/json");
        Answer::to(body.body("{")).await.problem(401, "unauthenticated");
        let large = acme.stranger().request(method.clone(), &path).body("x".repeat(1024 * 1024));
        // A server need not read what a stranger pours in: it may answer 401 and close; nobody asks again there.
        if let Ok(answer) = large.header("connection", "close").send().await {
            assert_eq!(answer.status(), 401);
        }
        let query = acme.stranger().request(method, &format!("{path}?limit=x"));
        Answer::to(query).await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn every_operation_says_who_may_and_how_it_fails() {
    let acme = acme();
    let document = acme.stranger().get("/api/openapi.json").await.is(200).json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = operation["security"].as_array().unwrap();
            assert_eq!(security.contains(&serde_json::json!({})), OPEN.contains(&path.as_str()));
            for alternative in security.iter().filter(|_| !OPEN.contains(&path.as_str())) {
                assert_eq!(alternative["api_key"].as_array().unwrap().len(), 1, "{method} {path}");
            }
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            assert!(operation["responses"].as_object().is_some_and(|all| !all.is_empty()), "{method} {path}");
        }
    }
    assert_eq!(document["servers"][0]["url"], format!("{}/api", acme.identifier));
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_apis_own_shape() {
    let acme = acme();
    for path in ["/unheard-of", "/offers/", "/offers/x/y", "/openapi.yaml", "/errors/unheard-of"] {
        acme.issuer().get(path).await.problem(404, "not-found");
        acme.stranger().get(&format!("/api{path}")).await.problem(404, "not-found");
    }
    for (method, path) in [
        (Method::PUT, "/offers"),
        (Method::DELETE, "/offers"),
        (Method::PATCH, "/offers/x"),
        (Method::GET, "/credentials/x/revoke"),
        (Method::POST, "/openapi.json"),
    ] {
        let answer = Answer::to(acme.issuer().request(method, path)).await;
        assert!(answer.header("allow").is_some(), "RFC 9110 §15.5.6: {answer}");
        answer.problem(405, "method-not-allowed");
    }
}

#[tokio::test]
async fn every_problem_has_a_page() {
    let acme = acme();
    let source = include_str!("../../../host/server/src/problem.rs");
    let table = source.split_once("problems! {").unwrap().1.split_once("\n}").unwrap().0;
    let codes: Vec<&str> = table
        .lines()
        .filter(|line| line.contains(" = "))
        .map(|line| line.split('"').nth(1).unwrap())
        .collect();
    assert!(codes.len() >= 10, "{codes:?}");
    for code in codes {
        let page = acme.stranger().get(&format!("/api/errors/{code}")).await.is(200);
        assert!(page.text().contains(code));
    }
    let page = acme.stranger().get("/api/docs").await.is(200);
    assert!(!page.text().contains("<script") && page.text().contains("/offers/{id}"));
}
