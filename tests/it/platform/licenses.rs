//! What a licence bounds: what is added, and nothing that is there

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use chancery_tests::answer::text;
use chancery_tests::people::{Operator, badge};
use chancery_tests::{Answer, House, house, now, together, unique};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

use super::onboarding::{brought, put, remove, told};

/// Somebody who sells licences, by the file that holds their key.
struct Licensor(PathBuf);

impl Licensor {
    fn new() -> Self {
        Self(std::env::temp_dir().join(unique("chancery-licensor-")))
    }

    /// A licence with these terms: the request that installs it, but for the digest.
    fn issue(&self, terms: &[&str]) -> Value {
        let mut command = Command::new(house::binary());
        command.env_clear().args([
            "license",
            "issue",
            "--output",
            "json",
            "--licensee",
            "Example Ltd",
            "--key",
        ]);
        let output = command.arg(&self.0).args(terms).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    async fn sell(&self, operator: &Operator, terms: &[&str]) -> Answer {
        let mut license = self.issue(terms);
        license["digest"] = brought(operator, "signed-license").await.into();
        put(operator, "/license", &license).await
    }
}

impl Drop for Licensor {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn state(operator: &Operator) -> Value {
    operator.get("/license").await.granted()["state"].clone()
}

async fn wants(operator: &Operator) -> Answer {
    operator.create(&unique("t-").to_lowercase()).await
}

/// Refused by the licence, and where in it that stands.
fn pointer(answer: Answer) -> Value {
    answer.problem(403, "not-licensed")["errors"][0]["pointer"].clone()
}

/// Changes what only time changes.
async fn break_in(house: &House, statement: &'static str) {
    let mut database = PgConnection::connect(&house.database()).await.unwrap();
    raw_sql(AssertSqlSafe(statement)).execute(&mut database).await.unwrap();
}

fn after(seconds: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(now() + seconds).unwrap();
    at.format(&time::format_description::well_known::Rfc3339).unwrap()
}

#[tokio::test]
async fn a_licence_bounds_what_is_added_and_ends_nothing_that_is_there() {
    let house = House::of_many();
    let (platform, operator, licensor) = (house.platform(), house.platform().operator(), Licensor::new());
    operator.get("/license").await.problem(404, "not-found");
    // Two founded tenants, and one more.
    let terms = ["--max-total-tenants", "4", "--max-root-tenants", "3", "--for", &platform.base];
    let installed = licensor.sell(&operator, &terms).await.is(200).json();
    assert_eq!((&installed["state"], &installed["licensee"]), (&json!("active"), &json!("Example Ltd")));
    assert_eq!(installed["used"], json!({ "root_tenants": 2, "total_tenants": 2 }));
    assert_eq!(installed["limits"], json!({ "max_root_tenants": 3, "max_total_tenants": 4 }));
    let entry = told(&operator).await;
    assert_eq!((&entry[0], &entry[2]), (&json!("license.installed"), &Value::Null));
    assert_eq!(entry[3], json!({ "component": installed["digest"], "document": installed["document"] }));

    wants(&operator).await.is(201);
    assert_eq!(pointer(wants(&operator).await), "/limits/max-root-tenants");
    let acme = platform.founded("acme");
    let child = || {
        let slug = unique("c-").to_lowercase();
        json!({ "slug": slug, "name": "Child", "owner": { "email": "ada@example.com" } })
    };
    assert_eq!(pointer(acme.issuer().post("/subtenants", &child()).await), "/features");
    let domain = json!({ "domain": "credentials.acme.example" });
    assert_eq!(pointer(acme.issuer().post("/domains", &domain).await), "/features");

    // A better one.
    let terms = ["--max-total-tenants", "4", "--max-hierarchy-depth", "2"];
    let features = ["--feature", "subtenants", "--feature", "custom-domains"];
    licensor.sell(&operator, &[&terms[..], &features[..]].concat()).await.is(200);
    acme.issuer().post("/domains", &domain).await.is(201);
    let mut below = acme.issuer().post("/subtenants", &child()).await.is(201).json();
    assert_eq!(pointer(acme.issuer().post("/subtenants", &child()).await), "/limits/max-total-tenants");
    below["token"] = "none".into();
    let wanted = json!({ "slug": "too-deep", "name": "Too deep", "parent": below["id"] });
    let refused = operator.post("/tenants", &wanted).await.problem(403, "not-licensed");
    let pointers: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|error| text(&error["pointer"])).collect();
    assert_eq!(pointers, ["/limits/max-total-tenants", "/limits/max-hierarchy-depth"]);
    // Whoever goes makes a place.
    remove(&operator, &format!("/tenants/{}", text(&below["id"]))).await.is(200);
    acme.issuer().post("/subtenants", &child()).await.is(201);

    // What is no licence here changes nothing.
    let digest = brought(&operator, "signed-license").await;
    let mut forged = licensor.issue(&[]);
    forged["document"] = Licensor::new().issue(&[])["document"].clone();
    forged["digest"] = digest.clone().into();
    let refused = put(&operator, "/license", &forged).await.problem(422, "invalid");
    assert_eq!(refused["errors"][0]["pointer"], "/document");
    licensor.sell(&operator, &["--for", "https://elsewhere.example"]).await.problem(422, "invalid");
    assert_eq!(operator.get("/license").await.granted()["limits"]["max_total_tenants"], 4);
    remove(&operator, &format!("/plugins/{digest}")).await.problem(409, "wrong-state");

    // It ends, and nothing that is there does.
    let soon = after(3);
    licensor.sell(&operator, &["--expires", &soon]).await.is(200);
    assert_eq!(state(&operator).await, "active");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(state(&operator).await, "expired");
    wants(&operator).await.problem(403, "not-licensed");
    acme.issuer()
        .post("/domains", &json!({ "domain": "more.acme.example" }))
        .await
        .problem(403, "not-licensed");
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;
    assert_eq!(acme.issuer().get("/domains").await.granted()["data"].as_array().unwrap().len(), 1);

    licensor.sell(&operator, &["--expires", &after(-60), "--grace-days", "3"]).await.is(200);
    assert_eq!(state(&operator).await, "grace");
    wants(&operator).await.is(201);
    put(&operator, "/license", &json!({ "digest": digest })).await.is(200);
    assert_eq!(state(&operator).await, "missing");
    wants(&operator).await.problem(403, "not-licensed");
    remove(&operator, "/license").await.is(204);
    assert_eq!(told(&operator).await[0], "license.removed");
    remove(&operator, "/license").await.problem(404, "not-found");
    wants(&operator).await.is(201);
}

#[tokio::test]
async fn of_two_processes_that_register_for_the_last_place_one_wins() {
    let house = House::of_many();
    let twin = house.twin_with(&[("SAAS_MODE", "true")]);
    let operators = [house.platform().operator(), twin.platform().operator()];
    let licensor = Licensor::new();
    let race = async || {
        let answers = together((0..12).map(|turn| {
            let operator = operators[turn % 2].clone();
            async move { wants(&operator).await }
        }))
        .await;
        let (added, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        for answer in refused {
            assert_eq!(pointer(answer), "/limits/max-total-tenants");
        }
        added.len()
    };
    // Two are there. The first round opens connections, so that nobody waits for one in the others.
    licensor.sell(&operators[0], &["--max-total-tenants", "14"]).await.is(200);
    assert_eq!(race().await, 12);
    for total in 15..20 {
        licensor.sell(&operators[0], &["--max-total-tenants", &total.to_string()]).await.is(200);
        assert_eq!(race().await, 1);
        let used = operators[1].get("/license").await.granted()["used"]["total_tenants"].clone();
        assert_eq!(used, total);
    }
}

#[tokio::test]
async fn turning_the_clock_back_wins_nothing() {
    let mut house = House::of_many();
    let (operator, licensor) = (house.platform().operator(), Licensor::new());
    let license = licensor.sell(&operator, &[]).await.is(200).json();
    // It was later once, on some host.
    break_in(&house, "update chancery.licenses set latest_at = latest_at + interval '59 minutes'").await;
    wants(&operator).await.is(201);
    break_in(&house, "update chancery.licenses set latest_at = latest_at + interval '2 hours'").await;
    house.stop();
    house.start_again_with(&[("SAAS_MODE", "true")]);
    let operator = house.platform().operator();
    assert_eq!(state(&operator).await, "invalid");
    let refused = wants(&operator).await.problem(403, "not-licensed");
    assert!(text(&refused["detail"]).contains("clock"), "{refused}");
    let acme = house.platform().founded("acme");
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;

    // Another document tells of another time.
    let renewed = licensor.sell(&operator, &["--id", "renewed"]).await.is(200).json();
    assert_ne!(renewed["document"], license["document"]);
    wants(&operator).await.is(201);
}

#[tokio::test]
async fn while_the_plugin_does_not_answer_what_it_read_last_counts_for_a_day() {
    let house = House::of_many();
    let operator = house.platform().operator();
    let license = Licensor::new().sell(&operator, &["--max-total-tenants", "4"]).await.is(200).json();
    let plugin = format!("/plugins/{}", text(&license["digest"]));
    operator.post(&format!("{plugin}/quarantine"), &json!({ "reason": "it is wrong" })).await.is(204);
    wants(&operator).await.is(201);
    break_in(&house, "update chancery.licenses set entitled_at = entitled_at - interval '1 hour'").await;
    let shown = operator.get("/license").await.granted();
    assert_eq!(shown["state"], "active", "{shown}");
    assert!(shown["failing_since"].is_string(), "{shown}");
    wants(&operator).await.is(201);
    assert_eq!(pointer(wants(&operator).await), "/limits/max-total-tenants", "it is still counted");
    break_in(&house, "update chancery.licenses set failing_since = failing_since - interval '25 hours'")
        .await;
    assert_eq!(state(&operator).await, "invalid");
    wants(&operator).await.problem(403, "not-licensed");

    operator.post(&format!("{plugin}/release"), &json!({})).await.is(204);
    assert_eq!(state(&operator).await, "active");
    assert_eq!(pointer(wants(&operator).await), "/limits/max-total-tenants");
}

#[tokio::test]
async fn another_master_opens_the_licence_too() {
    const OLD: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222222222222222222222222222";
    let both = [("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", NEW), ("ISSUER_PREVIOUS_MASTER_KEY", OLD)];
    let mut house = House::with(&[("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", OLD)]);
    let operator = house.platform().operator();
    let document =
        Licensor::new().sell(&operator, &["--id", "the-one"]).await.is(200).json()["document"].clone();
    house.stop();
    house.start_again_with(&both);
    let rotated = house.serverside(&["key", "rotate-master"], &both).output().unwrap();
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    // Whatever was read before: it is read again.
    break_in(&house, "update chancery.licenses set entitlements = null, entitled_at = null").await;
    house.stop();
    house.start_again_with(&[("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", NEW)]);
    let shown = house.platform().operator().get("/license").await.granted();
    assert_eq!((&shown["state"], &shown["id"]), (&json!("active"), &json!("the-one")));
    assert_eq!(shown["document"], document);
}
