//! `x-request-id`: what a request is called, by the host and by nobody else

use std::collections::BTreeSet;

use chancery_tests::people::badge;
use chancery_tests::{Answer, House, platform};
use reqwest::Method;

#[track_caller]
fn name_of(answer: &Answer) -> String {
    let name = answer.header("x-request-id").unwrap_or_else(|| panic!("{answer}")).to_owned();
    assert!(name.strip_prefix("req_").is_some_and(|digits| digits.len() == 32), "{name}");
    name
}

#[tokio::test]
async fn every_answer_names_its_request_whatever_the_client_calls_it() {
    let platform = platform();
    let tenant = platform.newcomer().await;
    let mine = "req_00000000000070008000000000000000";
    let get = |path: &str| platform.http.get(format!("{}{path}", platform.base));
    let mut names = BTreeSet::new();
    let slug = tenant.identifier.rsplit('/').next().unwrap();
    for request in [
        get("/livez"),
        get("/unheard-of"),
        get("/jwks").header("host", "nobodys.example"),
        get(&format!("/{slug}/jwks")),
        get(&format!("/{slug}/api/offers")),
        get("/api/platform-admin/tenants"),
        tenant.issuer().request(Method::GET, "/offers"),
        tenant.issuer().request(Method::POST, "/offers").json(&badge().0),
        tenant.wallet().token_request(&[("grant_type", "x")]),
    ] {
        names.insert(name_of(&Answer::to(request.header("x-request-id", mine)).await));
    }
    assert_eq!(names.len(), 9, "each has a name of its own");
    assert!(!names.contains(mine));
}

#[tokio::test]
async fn the_log_calls_a_request_by_the_same_name() {
    let house = House::start();
    let refused = house.acme().stranger().get("/api/offers").await;
    refused.clone().problem(401, "unauthenticated");
    let name = name_of(&refused);
    let log = house.log();
    let line = log.lines().find(|line| line.contains("refused a management request")).unwrap();
    assert!(line.contains(&name) && line.contains("/api/offers"), "{line}");
}
