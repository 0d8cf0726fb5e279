//! `/deferrals`: who decides, on what, and how often

use std::collections::BTreeSet;

use chancery_tests::answer::text;
use chancery_tests::people::{Issuer, badge, diploma};
use chancery_tests::{Answer, acme, platform, together, twins, unique};
use reqwest::Method;
use serde_json::{Value, json};

fn adas_subject() -> Value {
    badge().0["credentials"][0]["subject"].clone()
}

async fn decide(issuer: &Issuer, path: &str, key: &str, body: &Value) -> Answer {
    Answer::to(issuer.request(Method::POST, path).header("idempotency-key", key).json(body)).await
}

#[tokio::test]
async fn what_is_not_deferred_needs_a_subject() {
    let issuer = acme().issuer();
    assert_eq!(issuer.create(&badge().about_nobody()).await.wrong_parts(), ["/credentials/0/subject"]);
    let wrong = badge().deferred().subject("email", "nowhere");
    assert_eq!(issuer.create(&wrong).await.wrong_parts(), ["/credentials/0/subject/email"]);
    let plain = issuer.offer(badge()).await;
    assert!(plain.answer.get("deferrals").is_none());
    assert_eq!(issuer.get(&format!("/offers/{}", plain.id)).await.granted()["deferrals"], json!([]));
}

#[tokio::test]
async fn what_is_brought_is_checked_like_what_is_offered() {
    let issuer = acme().issuer();
    let deferral = issuer.offer(badge().deferred().about_nobody()).await.deferral();
    assert_eq!(issuer.complete(&deferral, &json!({})).await.wrong_parts(), ["/subject"]);
    assert_eq!(issuer.complete(&deferral, &json!({ "subject": null })).await.wrong_parts(), ["/subject"]);
    let mut subject = adas_subject();
    subject["email"] = "nowhere".into();
    subject["shoe_size"] = 38.into();
    let wrong = issuer.complete(&deferral, &json!({ "subject": subject })).await.wrong_parts();
    assert!(wrong.contains(&"/subject/email".to_owned()), "{wrong:?}");
    issuer.complete(&deferral, &json!({ "claims": {} })).await.problem(422, "invalid");
    issuer.complete(&deferral, &json!({ "subject": adas_subject() })).await.granted();
    for body in [json!({}), json!({ "subject": adas_subject() })] {
        issuer.complete(&deferral, &body).await.problem(409, "wrong-state");
    }
}

#[tokio::test]
async fn a_refusal_has_a_reason_that_can_be_shown() {
    let issuer = acme().issuer();
    let deferral = issuer.offer(badge().deferred()).await.deferral();
    for reason in ["", " x", "x\ny", "\u{202e}x", &"x".repeat(201)] {
        assert_eq!(issuer.refuse(&deferral, reason).await.wrong_parts(), ["/reason"], "{reason:?}");
    }
    issuer.complete(&deferral, &json!({})).await.granted();
    issuer.refuse(&deferral, "We looked again").await.granted();
    issuer.refuse(&deferral, "And again").await.problem(409, "wrong-state");
    issuer.complete(&deferral, &json!({})).await.problem(409, "wrong-state");
    let unknown = "dfr_00000000000070008000000000000000";
    issuer.refuse(unknown, "x").await.problem(404, "not-found");
    issuer.complete(unknown, &json!({})).await.problem(404, "not-found");
    issuer.complete("ofr_1", &json!({})).await.problem(404, "not-found");
}

#[tokio::test]
async fn deferrals_are_listed_page_by_page_and_by_state() {
    let acme = platform().newcomer().await;
    let issuer = acme.issuer();
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(issuer.offer(badge().deferred()).await);
    }
    issuer.complete(&made[1].deferral(), &json!({})).await.granted();
    let ids = async |query: &str| -> Vec<String> {
        let page = issuer.get(&format!("/deferrals?{query}")).await.granted();
        page["data"].as_array().unwrap().iter().map(|deferral| text(&deferral["id"])).collect()
    };
    assert_eq!(ids("").await, [made[2].deferral(), made[1].deferral(), made[0].deferral()]);
    assert_eq!(ids("state=pending").await, [made[2].deferral(), made[0].deferral()]);
    assert_eq!(ids("state=completed").await, [made[1].deferral()]);
    assert_eq!(ids(&format!("offer={}", made[0].id)).await, [made[0].deferral()]);
    let first = issuer.get("/deferrals?limit=2").await.granted();
    let cursor = text(&first["next_cursor"]);
    assert_eq!(ids(&format!("limit=2&cursor={cursor}")).await, [made[0].deferral()]);
    for wrong in ["state=later", "limit=0", "cursor=x", "colour=red"] {
        issuer.get(&format!("/deferrals?{wrong}")).await.problem(400, "malformed-request");
    }
    issuer.get("/deferrals?offer=ofr_00000000000070008000000000000000").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_system_completes_what_it_may_offer_and_nothing_else() {
    let issuer = acme().issuer();
    let marks = issuer.client_that_offers(&["issuance:offer"], json!(["university-diploma"])).await;
    let marks = marks.manager().await;
    let theirs = issuer.offer(diploma().deferred()).await.deferral();
    let others = issuer.offer(badge().deferred()).await.deferral();
    marks.complete(&others, &json!({})).await.problem(403, "forbidden");
    marks.refuse(&others, "x").await.problem(403, "forbidden");
    marks.complete(&theirs, &json!({})).await.granted();
    let auditor = issuer.key(&["auditor"]).await;
    auditor.get(&format!("/deferrals/{others}")).await.granted();
    auditor.complete(&others, &json!({})).await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_repeated_decision_gets_the_first_answer() {
    let issuer = acme().issuer();
    let deferral = issuer.offer(badge().deferred()).await.deferral();
    let path = format!("/deferrals/{deferral}/complete");
    let (key, body) = (unique("decision "), json!({ "subject": adas_subject() }));
    let first = decide(&issuer, &path, &key, &body).await.is(200);
    let again = decide(&issuer, &path, &key, &body).await.is(200);
    assert_eq!(first.body, again.body);
    decide(&issuer, &path, &key, &json!({})).await.problem(422, "idempotency-mismatch");
    let refuse = format!("/deferrals/{deferral}/refuse");
    decide(&issuer, &refuse, &key, &body).await.problem(422, "idempotency-mismatch");
    decide(&issuer, &path, &unique("decision "), &body).await.problem(409, "wrong-state");
}

#[tokio::test]
async fn of_twenty_decisions_at_two_processes_one_counts() {
    let issuers = twins().map(|acme| acme.issuer());
    let caller = issuers[0].key(&["issuance:offer"]).await;
    let callers = twins().map(|acme| acme.holder_of(caller.secret()));
    let deferral = issuers[0].offer(badge().deferred()).await.deferral();
    let answers = together((0..20).map(|turn| {
        let (caller, deferral) = (callers[turn % 2].clone(), deferral.clone());
        async move { caller.complete(&deferral, &json!({})).await }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.problem(409, "wrong-state");
    }
    // Under one key they all hear the same.
    let deferral = issuers[0].offer(badge().deferred()).await.deferral();
    let key = unique("decision ");
    let answers = together((0..20).map(|turn| {
        let (caller, key) = (callers[turn % 2].clone(), key.clone());
        let path = format!("/deferrals/{deferral}/complete");
        async move { decide(&caller, &path, &key, &json!({})).await }
    }))
    .await;
    let bodies: BTreeSet<Vec<u8>> = answers.into_iter().map(|answer| answer.is(200).body).collect();
    assert_eq!(bodies.len(), 1);
}
