//! A decision is made again, by whoever has the question, and comes out the same

use std::time::Duration;

use chancery_tests::answer::text;
use chancery_tests::people::{Operator, Plugin, badge};
use chancery_tests::{Acme, Answer, House, platform, unique};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, raw_sql};

use super::onboarding::{brought, put, told};

/// A credential that was just issued.
async fn issued(tenant: &Acme) -> String {
    let offer = tenant.issuer().offer(badge()).await;
    tenant.wallet().claim(&offer).await;
    tenant.issuer().issued(&offer).await.remove(0)
}

fn ada() -> Value {
    badge().0["credentials"][0]["subject"].clone()
}

async fn replay(tenant: &Acme, credential: &str, given: &Value) -> Answer {
    tenant.issuer().post(&format!("/credentials/{credential}/replay"), given).await
}

#[tokio::test]
async fn whoever_has_the_subjects_data_replays_what_was_decided_on_it() {
    let tenant = platform().newcomer().await;
    let credential = issued(&tenant).await;
    let replayed = replay(&tenant, &credential, &json!({ "subject": ada() })).await.granted();
    assert_eq!(replayed["same"], true, "{replayed}");
    assert_eq!((&replayed["answer"], &replayed["input"]), (&json!("issue"), &json!("given")));
    assert!(replayed["fuel"].as_u64().unwrap() > 0 && replayed["fuel"] == replayed["fuel_then"]);
    assert_eq!(replayed["digest"], Plugin::built("employee-badge").digest());
    assert!(!replayed.to_string().contains("Lovelace"), "{replayed}");
    // Somebody else's data, and nothing at all.
    let mut grace = ada();
    grace["given_name"] = "Grace".into();
    let refused = replay(&tenant, &credential, &json!({ "subject": grace })).await;
    assert_eq!(refused.wrong_parts(), ["/subject"]);
    replay(&tenant, &credential, &json!({})).await.problem(409, "wrong-state");
    replay(&tenant, "crd_00000000000070008000000000000000", &json!({})).await.problem(404, "not-found");
    // Once more under the same version, although another one is active by now.
    let operator = platform().operator();
    let next = Plugin::next_badge();
    assert!([200, 201].contains(&operator.upload(&next).await.status));
    operator.activate_for(&tenant, &json!({ "digest": next.digest() })).await.is(201);
    assert_eq!(replay(&tenant, &credential, &json!({ "subject": ada() })).await.granted()["same"], true);
}

#[tokio::test]
async fn what_a_tenant_keeps_is_replayed_without_the_data_for_as_long_as_it_is_kept() {
    let house = House::of_many();
    let tenant = house.platform().founded("acme");
    let choose = async |hours: u8| {
        let request = tenant.issuer().request(Method::PATCH, "/configuration").header("if-match", "*");
        Answer::to(request.json(&json!({ "input_retention_hours": hours }))).await
    };
    choose(25).await.problem(422, "invalid");
    let before = issued(&tenant).await;
    choose(24).await.is(200);
    let credential = issued(&tenant).await;
    let mut replayed = replay(&tenant, &credential, &json!({})).await;
    for _ in 0..50 {
        if replayed.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        replayed = replay(&tenant, &credential, &json!({})).await;
    }
    let replayed = replayed.granted();
    assert_eq!((&replayed["same"], &replayed["input"]), (&json!(true), &json!("kept")), "{replayed}");
    replay(&tenant, &before, &json!({})).await.problem(409, "wrong-state");

    let mut database = PgConnection::connect(&house.database()).await.unwrap();
    let read = raw_sql("select sealed from chancery.kept_inputs").fetch_all(&mut database).await.unwrap();
    assert_eq!(read.len(), 1);
    let sealed: Vec<u8> = read[0].get("sealed");
    assert!(!sealed.windows(8).any(|window| window == b"Lovelace"), "it is sealed");
    let expire = "update chancery.kept_inputs set expires_at = now() - interval '1 second'";
    raw_sql(AssertSqlSafe(expire)).execute(&mut database).await.unwrap();
    replay(&tenant, &credential, &json!({})).await.problem(409, "wrong-state");
}

/// The decisions about that, the latest first.
async fn decisions(operator: &Operator, about: &str) -> Vec<Value> {
    let all = operator.get("/decisions").await.granted()["data"].as_array().unwrap().clone();
    all.into_iter().filter(|one| one["about"] == about).collect()
}

#[tokio::test]
async fn policies_decide_again_as_they_did() {
    let house = House::of_many();
    let operator = house.platform().operator();
    let configuration = json!({ "blocked_domains": ["blocked.example"], "others": "approve" });
    let digest = brought(&operator, "email-domain-policy").await;
    let policy = json!({ "digest": digest, "configuration": configuration });
    let installed = put(&operator, "/policies/domains", &policy).await;
    assert!([200, 422].contains(&installed.status), "{installed}");
    let policy = json!({ "digest": brought(&operator, "manual-approval-policy").await });
    put(&operator, "/policies/four-eyes", &policy).await.is(200);
    let slug = unique("t-").to_lowercase();
    let body = json!({ "slug": slug, "name": slug, "owner": { "email": "ada@secret.example" } });
    let registered = operator.post("/tenants", &body).await.is(201).json();

    let decided = decisions(&operator, &slug).await;
    assert!(!decided.is_empty());
    for one in &decided {
        assert_eq!(one["hook"], "onboarding-policy");
        let path = format!("/decisions/{}/replay", text(&one["id"]));
        let replayed = operator.post(&path, &json!({})).await.granted();
        assert_eq!((&replayed["same"], &replayed["answer"]), (&json!(true), &one["answer"]), "{replayed}");
        assert_eq!(replayed["fuel_then"], one["fuel"]);
        let told = told(&operator).await;
        assert_eq!((&told[0], &told[1]), (&json!("decision.replayed"), &one["id"]));
        let metrics = operator.get(&format!("/plugins/{}/metrics", text(&one["digest"]))).await.granted();
        assert!(metrics["calls"].as_u64().unwrap() >= 1, "{metrics}");
    }
    let mut database = PgConnection::connect(&house.database()).await.unwrap();
    let read =
        raw_sql("select sealed from chancery.plugin_decisions").fetch_all(&mut database).await.unwrap();
    for row in read {
        let sealed: Vec<u8> = row.get("sealed");
        assert!(!sealed.windows(6).any(|window| window == b"secret"), "it is sealed");
    }
    // What was asked about a tenant goes with it.
    let delete = operator.request(Method::DELETE, &format!("/tenants/{}", text(&registered["id"])));
    Answer::to(delete).await;
    for _ in 0..200 {
        if decisions(&operator, &slug).await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("what was asked about the tenant is still there");
}

#[tokio::test]
async fn a_licence_allows_again_what_it_allowed() {
    let house = House::of_many();
    let operator = house.platform().operator();
    let licensor = std::env::temp_dir().join(unique("chancery-licensor-"));
    let mut command = std::process::Command::new(chancery_tests::house::binary());
    command.env_clear().args(["license", "issue", "--output", "json", "--licensee", "Example Ltd", "--key"]);
    let output = command.arg(&licensor).args(["--max-total-tenants", "9"]).output().unwrap();
    let mut license: Value = serde_json::from_slice(&output.stdout).unwrap();
    license["digest"] = brought(&operator, "signed-license").await.into();
    put(&operator, "/license", &license).await.is(200);
    operator.create(&unique("t-").to_lowercase()).await.is(201);
    let allowed = decisions(&operator, "register-root-tenant").await;
    assert_eq!((allowed.len(), &allowed[0]["answer"]), (1, &json!("allow")));
    let path = format!("/decisions/{}/replay", text(&allowed[0]["id"]));
    let replayed = operator.post(&path, &json!({})).await.granted();
    assert_eq!(replayed["same"], true, "{replayed}");
    let read = decisions(&operator, "read").await;
    assert_eq!(read[0]["answer"], "active", "{read:?}");
    let path = format!("/decisions/{}/replay", text(&read[0]["id"]));
    assert_eq!(operator.post(&path, &json!({})).await.granted()["same"], true);
    let unknown = "/decisions/dec_00000000000070008000000000000000/replay";
    operator.post(unknown, &json!({})).await.problem(404, "not-found");
    let _ = std::fs::remove_file(licensor);
}
