//! Who may become a tenant: policies decide, an operator decides about those who wait

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use chancery_tests::answer::text;
use chancery_tests::people::{Operator, Plugin, badge};
use chancery_tests::{Acme, Answer, House, Platform, house, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// Brings a plugin into the catalogue, as often as one likes; its digest.
pub(super) async fn brought(operator: &Operator, name: &str) -> String {
    let plugin = Plugin::built(name);
    let answer = operator.upload(&plugin).await;
    assert!([200, 201].contains(&answer.status), "{answer}");
    plugin.digest()
}

pub(super) async fn put(operator: &Operator, path: &str, body: &Value) -> Answer {
    Answer::to(operator.request(Method::PUT, path).json(body)).await
}

pub(super) async fn remove(operator: &Operator, path: &str) -> Answer {
    Answer::to(operator.request(Method::DELETE, path)).await
}

/// The latest of what the trail says: action, target, before, after.
pub(super) async fn told(operator: &Operator) -> Value {
    let page = operator.get("/audit?limit=1").await.granted();
    let entry = &page["data"][0];
    json!([entry["action"], entry["target"], entry["before"], entry["after"]])
}

async fn install(operator: &Operator, name: &str, plugin: &str, configuration: Value) -> Answer {
    let body = json!({ "digest": brought(operator, plugin).await, "configuration": configuration });
    put(operator, &format!("/policies/{name}"), &body).await
}

async fn wants(operator: &Operator, slug: &str, email: &str) -> Answer {
    let body = json!({ "slug": slug, "name": slug, "owner": { "email": email } });
    operator.post("/tenants", &body).await
}

async fn decided(operator: &Operator, described: &Value, verb: &str) -> Answer {
    operator.post(&format!("/tenants/{}/{verb}", text(&described["id"])), &json!({})).await
}

/// The slugs of those who wait, with the codes of why.
async fn waiting(operator: &Operator) -> Vec<(String, Vec<String>)> {
    let waiting = operator.get("/registrations").await.granted();
    let one = |row: &Value| {
        let codes = row["reasons"].as_array().unwrap().iter().map(|reason| text(&reason["code"]));
        (text(&row["tenant"]["slug"]), codes.collect())
    };
    waiting["data"].as_array().unwrap().iter().map(one).collect()
}

/// At every address, with every key that there is, as if nobody had ever asked for the slug.
async fn is_nobody(platform: &Platform, tenant: &Acme) {
    let nobody = Acme { base: format!("{}/nobody-at-all", platform.base), ..tenant.clone() };
    for path in ["/.well-known/openid-credential-issuer", "/jwks", "/.well-known/jwt-vc-issuer"] {
        let (found, none) = (tenant.stranger().get(path).await, nobody.stranger().get(path).await);
        assert_eq!((found.status, &found.body), (404, &none.body), "{found}");
    }
    for key in [tenant.key.as_str(), platform.key.as_str()] {
        let (found, none) =
            (tenant.holder_of(key).get("/offers").await, nobody.holder_of(key).get("/offers").await);
        assert_eq!((found.status, &found.body), (404, &none.body), "{found}");
    }
}

#[tokio::test]
async fn who_waits_for_an_approval_is_nobody_until_then() {
    let house = House::of_many();
    let (platform, operator) = (house.platform(), house.platform().operator());
    let digest = brought(&operator, "manual-approval-policy").await;
    let nobody_is_trusted = json!({ "trusted_channels": [] });
    install(&operator, "four-eyes", "manual-approval-policy", nobody_is_trusted).await.is(200);
    assert_eq!(
        told(&operator).await,
        json!(["policy.installed", "four-eyes", null, { "component": digest }])
    );

    let described = wants(&operator, "newcomer", "ada@example.com").await.is(201).json();
    assert_eq!(described["status"], "pending-approval");
    let entry = told(&operator).await;
    assert_eq!((&entry[0], &entry[3]["status"]), (&json!("tenant.registered"), &json!("pending-approval")));
    assert_eq!(entry[3]["reasons"], json!(["not-trusted"]));
    let tenant = platform.tenant(&described);
    is_nobody(&platform, &tenant).await;
    assert_eq!(waiting(&operator).await, [("newcomer".to_owned(), vec!["not-trusted".to_owned()])]);
    wants(&operator, "newcomer", "eve@example.com").await.problem(409, "conflict");
    for verb in ["suspend", "resume", "close"] {
        decided(&operator, &described, verb).await.problem(409, "wrong-state");
    }
    let honoured =
        format!("/tenants/{}?credentials=honour&until=2030-01-01T00:00:00Z", text(&described["id"]));
    remove(&operator, &honoured).await.problem(409, "wrong-state");
    is_nobody(&platform, &tenant).await;

    assert_eq!(decided(&operator, &described, "approve").await.is(200).json()["status"], "active");
    assert_eq!(
        told(&operator).await,
        json!([
            "tenant.approved", described["id"], { "status": "pending-approval" }, { "status": "active" }
        ])
    );
    assert!(waiting(&operator).await.is_empty());
    tenant.wallet().claim(&tenant.issuer().offer(badge()).await).await;
    let accept = json!({ "invitation": described["invitation"] });
    let request = tenant.stranger().request(Method::POST, "/api/invitations/accept");
    Answer::to(request.json(&accept)).await.is(201);
    decided(&operator, &described, "approve").await.problem(409, "wrong-state");

    let rejected = wants(&operator, "unwanted", "eve@example.com").await.is(201).json();
    assert_eq!(decided(&operator, &rejected, "reject").await.is(200).json()["status"], "rejected");
    assert_eq!(told(&operator).await[0], "tenant.rejected");
    is_nobody(&platform, &platform.tenant(&rejected)).await;
    decided(&operator, &rejected, "approve").await.problem(409, "wrong-state");
    wants(&operator, "unwanted", "eve@example.com").await.problem(409, "conflict");
    assert!(waiting(&operator).await.is_empty());
    remove(&operator, &format!("/tenants/{}", text(&rejected["id"]))).await.is(200);

    remove(&operator, &format!("/plugins/{digest}")).await.problem(409, "wrong-state");
    remove(&operator, "/policies/four-eyes").await.is(204);
    assert_eq!(told(&operator).await, json!(["policy.removed", "four-eyes", { "component": digest }, null]));
    remove(&operator, "/policies/four-eyes").await.problem(404, "not-found");
    assert_eq!(wants(&operator, "third", "ada@example.com").await.is(201).json()["status"], "active");
}

#[tokio::test]
async fn the_strictest_of_several_policies_holds() {
    let house = House::of_many();
    let operator = house.platform().operator();
    let domains = json!({ "allowed": ["example.com"], "blocked": ["evil.example"] });
    install(&operator, "domains", "email-domain-policy", domains.clone()).await.is(200);
    let status =
        async |slug: &str, email: &str| wants(&operator, slug, email).await.is(201).json()["status"].clone();
    // Nobody has shown yet whose address it is.
    assert_eq!(status("friend", "ada@example.com").await, "pending-verification");
    assert_eq!(status("stranger", "bob@elsewhere.example").await, "pending-approval");
    let refused = wants(&operator, "enemy", "eve@evil.example").await.problem(422, "registration-rejected");
    assert_eq!(refused["errors"][0]["pointer"], "/owner/email");
    let listed = operator.get("/registrations").await.granted()["data"].clone();
    assert_eq!(listed[0]["verifications"], json!(["owner-email"]));
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["channel"]), (2, &json!("operator")));

    install(&operator, "four-eyes", "manual-approval-policy", json!({ "trusted_channels": [] }))
        .await
        .is(200);
    assert_eq!(status("second-friend", "ada@example.com").await, "pending-approval");
    wants(&operator, "enemy", "eve@evil.example").await.problem(422, "registration-rejected");
    // What was rejected was never there.
    remove(&operator, "/policies/domains").await.is(204);
    assert_eq!(status("enemy", "eve@evil.example").await, "pending-approval");

    let names = |answer: Answer| {
        let policies = answer.granted()["data"].clone();
        policies.as_array().unwrap().iter().map(|policy| text(&policy["name"])).collect::<Vec<_>>()
    };
    assert_eq!(names(operator.get("/policies").await), ["four-eyes"]);
    install(&operator, "domains", "email-domain-policy", json!({ "allowed": 1 }))
        .await
        .problem(422, "invalid");
    install(&operator, "domains", "signed-license", domains.clone()).await.problem(409, "wrong-state");
    install(&operator, "Not%20a%20name", "email-domain-policy", domains).await.problem(422, "invalid");
    operator.get("/policies/domains").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_policy_that_does_not_answer_lets_nobody_in() {
    let house = House::of_many();
    let operator = house.platform().operator();
    let digest = brought(&operator, "manual-approval-policy").await;
    install(&operator, "four-eyes", "manual-approval-policy", json!({})).await.is(200);
    assert_eq!(wants(&operator, "before", "a@example.com").await.is(201).json()["status"], "active");
    let reason = json!({ "reason": "it is wrong" });
    operator.post(&format!("/plugins/{digest}/quarantine"), &reason).await.is(204);
    assert_eq!(
        wants(&operator, "meanwhile", "a@example.com").await.is(201).json()["status"],
        "pending-approval"
    );
    assert_eq!(waiting(&operator).await, [("meanwhile".to_owned(), vec!["policy-failed".to_owned()])]);
    operator.post(&format!("/plugins/{digest}/release"), &json!({})).await.is(204);
    assert_eq!(wants(&operator, "after", "a@example.com").await.is(201).json()["status"], "active");
}

#[tokio::test]
async fn a_policy_that_was_quarantined_here_lets_nobody_in_there() {
    let house = House::of_many();
    let twin = house.twin_with(&[("SAAS_MODE", "true")]);
    let (here, there) = (house.platform().operator(), twin.platform().operator());
    let digest = brought(&here, "manual-approval-policy").await;
    install(&here, "four-eyes", "manual-approval-policy", json!({})).await.is(200);
    assert_eq!(wants(&there, "before", "a@example.com").await.is(201).json()["status"], "active");
    let reason = json!({ "reason": "it is wrong" });
    here.post(&format!("/plugins/{digest}/quarantine"), &reason).await.is(204);
    let meanwhile = wants(&there, "meanwhile", "a@example.com").await.is(201).json();
    assert_eq!(meanwhile["status"], "pending-approval");
}

#[tokio::test]
async fn a_parent_does_not_let_its_children_in_past_a_policy() {
    let house = House::of_many();
    let (platform, operator) = (house.platform(), house.platform().operator());
    install(&operator, "four-eyes", "manual-approval-policy", json!({})).await.is(200);
    let parent = platform.founded("acme").issuer();
    let child = json!({ "slug": "child", "name": "Child", "owner": { "email": "ada@example.com" } });
    let answer = parent.post("/subtenants", &child).await.is(201);
    assert_eq!(answer.json()["status"], "pending-approval");
    assert!(!answer.text().contains("not-trusted"), "why is the operator's to know");
    let id = text(&answer.json()["id"]);
    assert_eq!(parent.get(&format!("/subtenants/{id}")).await.granted()["status"], "pending-approval");
    for verb in ["resume", "close", "suspend"] {
        parent.post(&format!("/subtenants/{id}/{verb}"), &json!({})).await.problem(409, "wrong-state");
    }
    parent.post(&format!("/subtenants/{id}/approve"), &json!({})).await.problem(404, "not-found");
    let listed = operator.get("/registrations").await.granted()["data"][0].clone();
    assert_eq!((&listed["channel"], &listed["tenant"]["id"]), (&json!("parent"), &json!(id)));
    decided(&operator, &answer.json(), "approve").await.is(200);
    assert_eq!(parent.get(&format!("/subtenants/{id}")).await.granted()["status"], "active");
}

/// A folder of somebody who sits at a terminal.
struct Terminal {
    folder: PathBuf,
    platform: Platform,
}

impl Terminal {
    fn of(platform: Platform) -> Self {
        let folder = std::env::temp_dir().join(unique("chancery-terminal-"));
        fs::create_dir(&folder).unwrap();
        Self { folder, platform }
    }

    /// What the command says on standard output.
    fn types(&self, line: &[&str]) -> String {
        let mut command = Command::new(house::binary());
        command.env_clear().current_dir(&self.folder).args(line).env("CHANCERY_TOKEN", &self.platform.key);
        command.env("CHANCERY_MANAGEMENT_URL", format!("{}/api/platform-admin", self.platform.base));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn keeps(&self, name: &str, content: &str) {
        fs::write(self.folder.join(name), content).unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn an_operator_does_all_of_it_in_a_terminal() {
    let house = House::of_many();
    let operator = house.platform().operator();
    for plugin in ["signed-license", "manual-approval-policy"] {
        brought(&operator, plugin).await;
    }
    let terminal = Terminal::of(house.platform());
    let issue = ["license", "issue", "--key", "licensor.key", "--licensee", "Example Ltd"];
    let issue = [&issue[..], &["--configuration", "trusted.json", "--max-total-tenants"]].concat();
    for (name, places) in [("small.txt", "2"), ("large.txt", "3")] {
        terminal.keeps(name, &terminal.types(&[&issue[..], &[places]].concat()));
    }
    let install = ["plugin", "install", "signed-license", "--configuration", "trusted.json"];
    terminal.types(&[&install[..], &["--document", "small.txt"]].concat());
    assert!(terminal.types(&["license", "show"]).contains("\"max_total_tenants\":2"));
    wants(&operator, "one-too-many", "a@example.com").await.problem(403, "not-licensed");
    terminal.types(&["license", "set", "large.txt"]);

    terminal.keeps("nobody.json", r#"{"trusted_channels": []}"#);
    terminal.types(&["plugin", "install", "manual-approval-policy", "--configuration", "nobody.json"]);
    assert!(terminal.types(&["plugin", "policies"]).contains("manual-approval-policy"));
    let created = terminal.types(&["--output", "json", "tenant", "create", "newcomer", "--name", "Newcomer"]);
    let created: Value = serde_json::from_str(&created).unwrap();
    let waiting = terminal.types(&["tenant", "waiting"]);
    assert!(waiting.contains("newcomer") && waiting.contains("somebody has to look"), "{waiting}");
    assert!(terminal.types(&["tenant", "approve", &text(&created["id"])]).contains("active"));
    terminal.types(&["plugin", "uninstall", "manual-approval-policy"]);
    terminal.types(&["license", "remove"]);
    assert_eq!(wants(&operator, "next", "a@example.com").await.is(201).json()["status"], "active");
}
