//! What whoever operates sees of plugins and does about them, where there is one tenant and where there are many

use chancery_tests::people::{Plugin, badge};
use chancery_tests::{Answer, House, platform};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;

#[tokio::test]
async fn a_self_hosted_issuer_quarantines_for_itself() {
    let house = House::start();
    let (acme, plugin) = (house.acme(), Plugin::built("employee-badge"));
    let (issuer, path) = (acme.issuer(), format!("/plugins/{}", plugin.digest()));
    let quarantine = format!("{path}/quarantine");
    issuer.post(&quarantine, &json!({ "reason": "" })).await.problem(422, "invalid");
    issuer
        .post("/plugins/0/quarantine", &json!({ "reason": "Nobody has it" }))
        .await
        .problem(404, "not-found");
    issuer.post(&quarantine, &json!({ "reason": "it leaks" })).await.is(204);
    issuer.post(&quarantine, &json!({ "reason": "it leaks" })).await.problem(404, "not-found");
    assert_eq!(issuer.create(&badge()).await.wrong_parts(), ["/credentials/0/configuration_id"]);
    let told = issuer.get("/audit").await.granted()["data"][0].clone();
    assert_eq!((&told["action"], &told["target"]), (&json!("plugin.quarantined"), &json!(plugin.digest())));
    issuer.post(&format!("{path}/release"), &json!({})).await.is(204);
    assert_eq!(issuer.get("/audit").await.granted()["data"][0]["action"], "plugin.released");
    acme.wallet().claim(&issuer.offer(badge()).await).await;
    let described = acme.stranger().get("/api/openapi.json").await.is(200).json();
    assert!(described["paths"]["/plugins/{digest}/quarantine"]["post"].is_object());
}

#[tokio::test]
async fn a_tenant_of_many_quarantines_nothing() {
    let acme = platform().newcomer().await;
    let path = format!("/plugins/{}/quarantine", Plugin::built("employee-badge").digest());
    acme.issuer().post(&path, &json!({ "reason": "it leaks" })).await.problem(404, "not-found");
}

#[tokio::test]
async fn why_a_policy_failed_is_told_to_operators() {
    let house = House::of_many();
    let operator = house.platform().operator();
    // As a template it is asked at tenants, whose lines are theirs.
    let acme = house.platform().founded("acme");
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;
    let template = format!("/plugins/{}/logs", Plugin::built("employee-badge").digest());
    assert_eq!(operator.get(&template).await.granted()["data"], json!([]));
    operator.get(&format!("/plugins/{}/logs", "00".repeat(32))).await.problem(404, "not-found");
    operator.get(&format!("{template}?after=soon")).await.problem(400, "malformed-request");

    let policy = Plugin::built("manual-approval-policy");
    operator.upload(&policy).await;
    let installed = json!({ "digest": policy.digest(), "configuration": {} });
    Answer::to(operator.request(Method::PUT, "/policies/four-eyes").json(&installed)).await.is(200);
    // Its runner falls silent.
    assert!(house.end_children("plugin-runner", Signal::STOP) > 0);
    assert_eq!(operator.create("newcomer").await.is(201).json()["status"], "pending-approval");
    let logs = format!("/plugins/{}/logs", policy.digest());
    let lines = operator.get(&logs).await.granted()["data"].clone();
    assert_eq!(lines[0]["level"], "fault", "{lines}");
    let after = format!("{logs}?after={}", lines[0]["number"]);
    assert_eq!(operator.get(&after).await.granted()["data"], json!([]));
}
