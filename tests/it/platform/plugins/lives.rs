//! What becomes of a version: active, on trial, in the shadow, rolled back, taken away

use chancery_tests::people::{Plugin, badge};
use chancery_tests::{Acme, Answer, platform, unique};
use reqwest::Method;
use serde_json::{Value, json};

use super::{called, of, parts};

const BADGE: &str = "employee-badge";

/// The hostile guest, uploaded; what it does is a matter of its configuration.
async fn hostile() -> (Acme, Plugin) {
    let platform = platform();
    let plugin = Plugin::built("hostile");
    let answer = platform.operator().upload(&plugin).await;
    assert!([200, 201].contains(&answer.status), "{answer:?}");
    (platform.newcomer().await, plugin)
}

fn does(plugin: &Plugin, what: &str) -> Value {
    json!({ "digest": plugin.digest(), "configuration": { "prepare": what } })
}

/// An offer of the hostile credential.
async fn offer_hostile(tenant: &Acme) -> Answer {
    let credential = json!({ "configuration_id": "hostile", "subject": { "value": "x" } });
    tenant.issuer().post("/offers", &json!({ "credentials": [credential] })).await
}

#[tokio::test]
async fn a_tenant_gets_a_new_version_issues_with_it_and_goes_back() {
    let (platform, next) = (platform(), Plugin::next_badge());
    let (operator, acme) = (platform.operator(), platform.newcomer().await);
    let globex = platform.newcomer().await;
    let uploaded = operator.upload(&next).await;
    assert!([200, 201].contains(&uploaded.status), "{uploaded:?}");
    assert_eq!(uploaded.json()["digest"], next.digest());
    assert_eq!(
        operator.upload(&next).await.is(200).json(),
        uploaded.json(),
        "the same bytes, the same version"
    );

    let before = acme.issuer().offer(badge()).await;
    let activated = operator.activate_for(&acme, &of(&next)).await.is(201).json();
    assert_eq!((&activated["configuration_id"], &activated["part"]), (&json!(BADGE), &json!("active")));
    assert_eq!(called(&acme, BADGE).await, "Employee pass.");
    assert_eq!(called(&globex, BADGE).await, "Employee badge", "others are others");
    for offer in [before, acme.issuer().offer(badge()).await] {
        let credential = acme.wallet().claim(&offer).await;
        acme.verifier().verify(&credential).await;
    }
    let digests: Vec<Value> = platform_components(&acme).await;
    assert_eq!(digests.len(), 2, "each was made with the version that its offer was made with");

    let back = operator.roll_back_for(&acme, BADGE).await.is(200);
    assert_eq!(back.json()["data"][0]["decided_by"], "deployment");
    assert_eq!(called(&acme, BADGE).await, "Employee badge");
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;
    operator.roll_back_for(&acme, BADGE).await.problem(409, "wrong-state");
}

/// The versions that answered at the tenant, by their calls.
async fn platform_components(tenant: &Acme) -> Vec<Value> {
    let all = tenant.issuer().get("/plugins").await.granted()["data"].as_array().unwrap().clone();
    let mut asked = Vec::new();
    for digest in all.iter().filter(|one| one["name"] == BADGE).map(|one| one["digest"].clone()) {
        let metrics = tenant.issuer().get(&format!("/plugins/{}/metrics", digest.as_str().unwrap())).await;
        if metrics.granted()["calls"].as_u64().unwrap() > 0 {
            asked.push(digest);
        }
    }
    asked
}

#[tokio::test]
async fn what_would_break_issued_credentials_is_refused_with_the_differences() {
    let platform = platform();
    let (operator, acme) = (platform.operator(), platform.newcomer().await);
    let breaking = Plugin::next_badge().saying("department", "subsidiary").saying("\"0.2.0\"", "\"0.3.0\"");
    operator.upload(&breaking).await;
    let refused = operator.activate_for(&acme, &of(&breaking)).await.problem(409, "incompatible");
    let pointers: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|one| &one["pointer"]).collect();
    assert!(pointers.contains(&&json!("/fields/department")), "{pointers:?}");
    let mut shadow = of(&breaking);
    shadow["part"] = "canary".into();
    shadow["share"] = 5.into();
    operator.activate_for(&acme, &shadow).await.problem(409, "incompatible");
    assert_eq!(called(&acme, BADGE).await, "Employee badge");
}

#[tokio::test]
async fn credentials_are_relied_on_when_their_type_was_deactivated_or_quarantined() {
    let platform = platform();
    let (operator, acme) = (platform.operator(), platform.newcomer().await);
    let breaking = Plugin::next_badge().saying("department", "subsidiary").saying("\"0.2.0\"", "\"0.3.0\"");
    // Of its own, so that nobody else's is quarantined.
    let plugin = Plugin::next_badge().saying("Employee pass.", &format!("Badge {:.8}", unique("")));
    for plugin in [&breaking, &plugin] {
        operator.upload(plugin).await;
    }
    acme.issuer().delete("/activations/employee-badge").await.is(204);
    operator.activate_for(&acme, &of(&breaking)).await.problem(409, "incompatible");
    operator.activate_for(&acme, &of(&plugin)).await.is(201);
    let quarantine = format!("/plugins/{}/quarantine", plugin.digest());
    operator.post(&quarantine, &json!({ "reason": "it leaks" })).await.is(204);
    operator.activate_for(&acme, &of(&breaking)).await.problem(409, "incompatible");
    operator.activate_for(&acme, &of(&Plugin::next_badge())).await.is(201);
}

#[tokio::test]
async fn a_canary_answers_for_its_share_until_it_is_ended() {
    let (platform, next) = (platform(), Plugin::next_badge());
    let (operator, acme) = (platform.operator(), platform.newcomer().await);
    operator.upload(&next).await;
    let canary = json!({ "digest": next.digest(), "part": "canary", "share": 50 });
    operator.activate_for(&acme, &canary).await.is(201);
    assert_eq!(called(&acme, BADGE).await, "Employee badge", "metadata tells of the active one");
    for _ in 0..40 {
        acme.issuer().offer(badge()).await;
    }
    assert_eq!(platform_components(&acme).await.len(), 2);
    let in_force = acme.issuer().get("/activations").await;
    assert_eq!(
        parts(&in_force, BADGE).iter().map(|(part, _)| part).collect::<Vec<_>>(),
        ["active", "canary"]
    );
    operator.roll_back_for(&acme, BADGE).await.is(200);
    let in_force = acme.issuer().get("/activations").await;
    assert_eq!(parts(&in_force, BADGE).iter().map(|(part, _)| part).collect::<Vec<_>>(), ["active"]);
}

#[tokio::test]
async fn a_shadow_is_compared_and_answers_nobody() {
    let (tenant, plugin) = hostile().await;
    let operator = platform().operator();
    operator.activate_for(&tenant, &does(&plugin, "well")).await.is(201);
    let mut shadow = does(&plugin, "wrong-kind");
    shadow["part"] = "shadow".into();
    operator.activate_for(&tenant, &shadow).await.is(201);
    offer_hostile(&tenant).await.is(201);
    let path = format!("/plugins/{}/metrics", plugin.digest());
    let mut compared = json!(null);
    for _ in 0..100 {
        compared = tenant.issuer().get(&path).await.granted()["shadow"].clone();
        if !compared.is_null() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(compared, json!({ "compared": 1, "same": 0, "different": { "fault": 1 } }));
}

#[tokio::test]
async fn a_version_that_fails_again_and_again_is_rolled_back_by_itself() {
    let (tenant, plugin) = hostile().await;
    let operator = platform().operator();
    operator.activate_for(&tenant, &does(&plugin, "well")).await.is(201);
    offer_hostile(&tenant).await.is(201);
    operator.activate_for(&tenant, &does(&plugin, "panic")).await.is(201);
    for _ in 0..5 {
        offer_hostile(&tenant).await.problem(422, "template-failed");
    }
    let mut active = Value::Null;
    for _ in 0..200 {
        let in_force = tenant.issuer().get("/activations").await.granted();
        let here =
            in_force["data"].as_array().unwrap().iter().find(|one| one["configuration_id"] == "hostile");
        active = here.unwrap()["configuration"].clone();
        if active == json!({ "prepare": "well" }) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(active, json!({ "prepare": "well" }));
    offer_hostile(&tenant).await.is(201);
    let told = tenant.issuer().get("/audit").await.granted();
    let told = told["data"].as_array().unwrap().iter().find(|one| one["action"] == "plugin.rolled-back");
    assert_eq!(told.unwrap()["actor"], "host");
}

#[tokio::test]
async fn a_version_with_nothing_before_it_is_halted_instead() {
    let (tenant, plugin) = hostile().await;
    platform().operator().activate_for(&tenant, &does(&plugin, "panic")).await.is(201);
    for _ in 0..5 {
        offer_hostile(&tenant).await.problem(422, "template-failed");
    }
    let mut halts = json!([]);
    for _ in 0..200 {
        halts = tenant.issuer().get("/halts").await.granted()["data"].clone();
        if !halts.as_array().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!((&halts[0]["scope"], &halts[0]["component"]), (&json!("plugin"), &json!(plugin.digest())));
    assert!(halts[0]["reason"].as_str().unwrap().contains("5 times in a row"), "{halts}");
}

#[tokio::test]
async fn a_quarantined_plugin_makes_nothing_not_even_what_was_offered() {
    let platform = platform();
    // Of its own, so that nobody else's is quarantined.
    let mark = &unique("")[..9];
    let plugin = Plugin::next_badge().saying("Employee pass.", &format!("Badge {mark:.8}"));
    let (operator, acme) = (platform.operator(), platform.newcomer().await);
    operator.upload(&plugin).await.is(201);
    operator.activate_for(&acme, &of(&plugin)).await.is(201);
    let offer = acme.issuer().offer(badge()).await;
    let token = acme.wallet().redeem(&offer).await;

    let path = format!("/plugins/{}", plugin.digest());
    operator.post(&format!("{path}/quarantine"), &json!({ "reason": "" })).await.problem(422, "invalid");
    operator.post(&format!("{path}/quarantine"), &json!({ "reason": "it leaks" })).await.is(204);
    let nonce = acme.wallet().nonce().await;
    let proofs = acme.wallet().proofs(&[chancery_tests::jose::Key::p256()], &nonce);
    let refused = acme.wallet().request_badge(&token, &proofs).await;
    assert!(refused.status >= 400, "{refused:?}");
    assert_eq!(acme.issuer().create(&badge()).await.wrong_parts(), ["/credentials/0/configuration_id"]);
    operator.activate_for(&acme, &of(&plugin)).await.problem(409, "wrong-state");

    operator.post(&format!("{path}/release"), &json!({})).await.is(204);
    operator.post(&format!("{path}/release"), &json!({})).await.problem(404, "not-found");
    let nonce = acme.wallet().nonce().await;
    let proofs = acme.wallet().proofs(&[chancery_tests::jose::Key::p256()], &nonce);
    acme.wallet().request_badge(&token, &proofs).await.is(200);
}

#[tokio::test]
async fn a_type_that_is_deactivated_is_offered_no_more_and_comes_back() {
    let acme = platform().newcomer().await;
    let issuer = acme.issuer();
    let offer = issuer.offer(badge()).await;
    issuer.delete("/activations/employee-badge").await.is(204);
    issuer.delete("/activations/employee-badge").await.problem(404, "not-found");
    assert_eq!(issuer.create(&badge()).await.wrong_parts(), ["/credentials/0/configuration_id"]);
    acme.wallet().claim(&offer).await;
    let back = issuer.request(Method::POST, "/activations/employee-badge/rollback");
    Answer::to(back).await.is(200);
    acme.wallet().claim(&issuer.offer(badge()).await).await;
}
