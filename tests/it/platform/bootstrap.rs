//! A fresh deployment is claimed once

use chancery_tests::{Answer, House, platform};
use serde_json::json;

#[tokio::test]
async fn a_claimed_deployment_is_as_one_that_cannot_be_claimed() {
    let platform = platform();
    let ask = async |path: &str| {
        let request = platform.http.post(format!("{}{path}", platform.base)).json(&json!({ "name": "Mine" }));
        Answer::to(request).await
    };
    let closed = ask("/api/bootstrap").await;
    closed.clone().problem(404, "not-found");
    assert_eq!(closed.body, ask("/api/anything").await.body);
}

#[tokio::test]
async fn a_self_hosted_issuer_has_no_platform() {
    let house = House::start();
    let acme = house.acme();
    for path in ["/api/platform-admin/tenants", "/api/bootstrap"] {
        acme.issuer_asks(path).await.problem(404, "not-found");
    }
}
