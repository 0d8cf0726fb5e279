//! `/api/webhooks`: other systems are told what happens, signed, at least once, and never a claim

mod failing;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::{Issuer, badge};
use chancery_tests::receiver::Message;
use chancery_tests::{Acme, Answer, Receiver, platform, twin_platforms, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// A webhook of the issuer's: its id and its secret.
pub(super) struct Hook {
    pub(super) id: String,
    pub(super) secret: String,
}

impl Hook {
    pub(super) async fn to(issuer: &Issuer, url: &str, event_types: &Value) -> Self {
        let body = json!({ "url": url, "event_types": event_types });
        let made = issuer.post("/webhooks", &body).await.is(201).json();
        Self { id: text(&made["id"]), secret: text(&made["secret"]) }
    }

    pub(super) async fn deliveries(&self, issuer: &Issuer) -> Vec<Value> {
        let listed = issuer.get(&format!("/webhooks/{}/deliveries", self.id)).await.granted();
        listed["data"].as_array().unwrap().clone()
    }

    /// The only delivery, once something can be said of it.
    pub(super) async fn becomes(&self, issuer: &Issuer, is: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..600 {
            if let [delivery] = &self.deliveries(issuer).await[..]
                && is(delivery)
            {
                return delivery.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never came to that: {:?}", self.deliveries(issuer).await)
    }

    pub(super) async fn test(&self, issuer: &Issuer) -> String {
        let tried = issuer.post(&format!("/webhooks/{}/test", self.id), &json!({})).await.is(202);
        text(&tried.json()["event_id"])
    }

    async fn patch(&self, issuer: &Issuer, patch: &Value) -> Answer {
        let request = issuer.request(Method::PATCH, &format!("/webhooks/{}", self.id));
        Answer::to(request.header("if-match", "*").json(patch)).await
    }
}

fn by_kind(messages: &[Message]) -> BTreeMap<String, Value> {
    messages.iter().map(|message| (message.kind(), message.json()["data"].clone())).collect()
}

/// Takes a badge, says that it was stored, and gives its id.
async fn claims_and_reports(tenant: &Acme, issuer: &Issuer) -> (String, String) {
    let wallet = tenant.wallet();
    let offer = issuer.offer(badge()).await;
    let token = wallet.redeem(&offer).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let answer = wallet.request_badge(&token, &proofs).await.granted();
    let report = json!({ "notification_id": answer["notification_id"], "event": "credential_accepted" });
    Answer::to(wallet.post("/notification").bearer_auth(&token.text).json(&report)).await.is(204);
    (offer.id.clone(), issuer.issued(&offer).await.remove(0))
}

#[tokio::test]
async fn the_life_of_a_credential_is_told_in_ids_and_states() {
    let (tenant, receiver) = (platform().newcomer().await, Receiver::start().await);
    let issuer = tenant.issuer();
    let hook = Hook::to(&issuer, &receiver.url(), &Value::Null).await;
    let (offer, credential) = claims_and_reports(&tenant, &issuer).await;
    for change in ["suspend", "reinstate", "revoke"] {
        issuer.change(&credential, change).await.is(200);
    }
    issuer.change(&credential, "revoke").await.is(200);
    let messages = receiver.some(9).await;
    let told = by_kind(&messages);
    for (kind, state) in [
        ("offer.created", "created"),
        ("offer.fetched", "fetched"),
        ("offer.redeemed", "redeemed"),
        ("offer.issued", "issued"),
        ("offer.accepted", "accepted"),
    ] {
        assert_eq!((&told[kind]["offer_id"], &told[kind]["state"]), (&json!(offer), &json!(state)), "{kind}");
    }
    assert_eq!(
        told["credential.issued"],
        json!({ "offer_id": offer, "configuration_id": "employee-badge", "credential_ids": [credential] })
    );
    for (kind, status) in [
        ("credential.suspended", "suspended"),
        ("credential.reinstated", "valid"),
        ("credential.revoked", "revoked"),
    ] {
        let expected = json!({
            "credential_id": credential, "offer_id": offer, "configuration_id": "employee-badge",
            "status": status,
        });
        assert_eq!(told[kind], expected);
    }
    let ids: BTreeSet<String> = messages.iter().map(Message::id).collect();
    assert_eq!(ids.len(), 9);
    for message in &messages {
        assert!(message.is_signed_with(&hook.secret) && message.id().starts_with("evt_"), "{message:?}");
        assert_eq!(message.header("content-type"), "application/json");
        let timestamp: i64 = message.header("webhook-timestamp").parse().unwrap();
        assert!((chancery_tests::now() - timestamp).abs() < 60);
        let members: Vec<String> = message.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["type", "timestamp", "data"]);
        let said = String::from_utf8_lossy(&message.body);
        for claim in ["Ada", "Lovelace", "1843-07", "Analytical", "ada@example.com"] {
            assert!(!said.contains(claim), "{said}");
        }
    }
    assert_eq!(receiver.count(), 9, "a change that changes nothing is not told");
}

#[tokio::test]
async fn other_ends_of_an_offer_and_steps_of_plugins_are_told() {
    let (tenant, receiver) = (platform().newcomer().await, Receiver::start().await);
    let issuer = tenant.issuer();
    let kinds = json!(["offer.failed", "offer.cancelled", "plugin.deactivated", "plugin.rolled-back"]);
    Hook::to(&issuer, &receiver.url(), &kinds).await;
    let withdrawn = issuer.offer(badge()).await;
    issuer.delete(&format!("/offers/{}", withdrawn.id)).await.is(204);
    let guessed = issuer.offer(badge().tx_code()).await;
    let (wallet, right) = (tenant.wallet(), guessed.tx_code.clone().unwrap());
    let code = wallet.code(&guessed).await;
    let wrong = format!("{:06}", (right.parse::<u32>().unwrap() + 1) % 1_000_000);
    let grant = chancery_tests::people::wallet::GRANT;
    for _ in 0..5 {
        let form = [("grant_type", grant), ("pre-authorized_code", &code), ("tx_code", &wrong)];
        wallet.token(&form).await.refused(400, "invalid_grant");
    }
    issuer.delete("/activations/university-diploma").await.is(204);
    issuer.post("/activations/university-diploma/rollback", &json!({})).await.is(200);
    let told = by_kind(&receiver.some(4).await);
    assert_eq!(told["offer.cancelled"], json!({ "offer_id": withdrawn.id, "state": "cancelled" }));
    assert_eq!(told["offer.failed"], json!({ "offer_id": guessed.id, "state": "failed" }));
    assert_eq!(told["plugin.deactivated"]["configuration_id"], "university-diploma");
    assert_eq!(told["plugin.rolled-back"]["configuration_id"], "university-diploma");
}

#[tokio::test]
async fn a_webhook_is_told_what_it_asked_for_and_a_test() {
    let (tenant, receiver) = (platform().newcomer().await, Receiver::start().await);
    let issuer = tenant.issuer();
    let hook = Hook::to(&issuer, &receiver.url(), &json!(["offer.cancelled", "offer.cancelled"])).await;
    issuer.offer(badge()).await;
    let event = hook.test(&issuer).await;
    let message = receiver.next().await;
    assert_eq!((message.id(), message.kind()), (event.clone(), "webhook.test".to_owned()));
    let delivery = hook.becomes(&issuer, |delivery| delivery["state"] == "delivered").await;
    assert_eq!((&delivery["event_id"], &delivery["attempts"]), (&json!(event), &json!(1)));
    assert_eq!(delivery["last_answer"], "204");
    // Once more, under the same id.
    let path = format!("/webhooks/{}/deliveries/{event}/replay", hook.id);
    assert_eq!(issuer.post(&path, &json!({})).await.is(202).json(), json!({ "replayed": 1 }));
    assert_eq!(receiver.next().await.id(), event);
    let shown = issuer.get(&format!("/webhooks/{}", hook.id)).await.granted();
    assert_eq!(shown["event_types"], json!(["offer.cancelled"]));
    assert!(!shown.to_string().contains("whsec_"), "the secret is shown once");
    // Disabled, it is told nothing, …
    hook.patch(&issuer, &json!({ "enabled": false, "event_types": null })).await.is(200);
    issuer.post(&format!("/webhooks/{}/test", hook.id), &json!({})).await.problem(409, "wrong-state");
    issuer.offer(badge()).await;
    // … and enabled, what happens from then on.
    hook.patch(&issuer, &json!({ "enabled": true })).await.is(200);
    let offer = issuer.offer(badge()).await;
    assert_eq!(receiver.next().await.json()["data"]["offer_id"], offer.id);
    // Removed, nothing at all.
    issuer.delete(&format!("/webhooks/{}", hook.id)).await.is(204);
    issuer.get(&format!("/webhooks/{}", hook.id)).await.problem(404, "not-found");
    let before = receiver.count();
    issuer.offer(badge()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(receiver.count(), before);
}

#[tokio::test]
async fn two_secrets_sign_while_one_makes_way_for_the_other() {
    let (tenant, receiver) = (platform().newcomer().await, Receiver::start().await);
    let issuer = tenant.issuer();
    let hook = Hook::to(&issuer, &receiver.url(), &Value::Null).await;
    let rotated = issuer.post(&format!("/webhooks/{}/rotate-secret", hook.id), &json!({})).await.is(200);
    let next = text(&rotated.json()["secret"]);
    hook.test(&issuer).await;
    let message = receiver.next().await;
    assert!(message.is_signed_with(&hook.secret) && message.is_signed_with(&next));
    let at_once = json!({ "overlap_seconds": 0 });
    let rotated = issuer.post(&format!("/webhooks/{}/rotate-secret", hook.id), &at_once).await.is(200);
    let last = text(&rotated.json()["secret"]);
    hook.test(&issuer).await;
    let message = receiver.next().await;
    assert!(message.is_signed_with(&last) && !message.is_signed_with(&next));
    let too_long = json!({ "overlap_seconds": 604_801 });
    let refused = issuer.post(&format!("/webhooks/{}/rotate-secret", hook.id), &too_long).await;
    assert_eq!(refused.wrong_parts(), ["/overlap_seconds"]);
}

#[tokio::test]
async fn what_is_no_webhook_is_refused_part_by_part() {
    let issuer = platform().newcomer().await.issuer();
    for url in [
        "http://hooks.example/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://0xa.1:80/",
        "https://ada:secret@hooks.example/",
        "https://hooks.example:25/",
        "ftp://hooks.example/",
        "hooks.example",
    ] {
        let refused = issuer.post("/webhooks", &json!({ "url": url })).await;
        assert_eq!(refused.wrong_parts(), ["/url"], "{url}");
    }
    let description = "x".repeat(201);
    let body = json!({ "url": "x", "description": description, "event_types": [] });
    let refused = issuer.post("/webhooks", &body).await;
    assert_eq!(refused.wrong_parts(), ["/description", "/event_types", "/url"]);
    let unknown = json!({ "url": "https://hooks.example/", "event_types": ["offer.eaten"] });
    issuer.post("/webhooks", &unknown).await.problem(422, "invalid");
    for _ in 0..10 {
        Hook::to(&issuer, "https://hooks.test/", &json!(["offer.expired"])).await;
    }
    let one_more = issuer.post("/webhooks", &json!({ "url": "https://hooks.test/" })).await;
    one_more.problem(409, "wrong-state");
}

#[tokio::test]
async fn two_processes_tell_every_event_once() {
    let twins = twin_platforms();
    let (tenant, receiver) = (twins[0].newcomer().await, Receiver::start().await);
    let issuer = tenant.issuer();
    Hook::to(&issuer, &receiver.url(), &json!(["offer.created"])).await;
    let elsewhere = Acme {
        base: tenant.base.replace(&twins[0].base, &twins[1].base),
        http: twins[1].http.clone(),
        ..tenant.clone()
    };
    let both = [issuer, elsewhere.issuer()];
    // The other process hears of the webhook a moment later.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut made = BTreeSet::new();
    for turn in 0..30 {
        made.insert(both[turn % 2].offer(badge()).await.id);
    }
    let messages = receiver.some(30).await;
    let told: BTreeSet<String> =
        messages.iter().map(|message| text(&message.json()["data"]["offer_id"])).collect();
    assert_eq!(told, made);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(receiver.count(), 30, "nobody was told twice");
}

/// The example of the book, by the specification's own library where that can be had.
#[tokio::test]
async fn the_receiver_of_the_book_believes_us() {
    let (tenant, receiver) = (platform().newcomer().await, Receiver::start().await);
    let issuer = tenant.issuer();
    let hook = Hook::to(&issuer, &receiver.url(), &Value::Null).await;
    hook.test(&issuer).await;
    let message = receiver.next().await;
    let page = include_str!("../../../docs/webhooks.md");
    let example = |number: usize| page.split("```python\n").nth(number).unwrap().split("```").next().unwrap();
    let directory = std::env::temp_dir().join(unique("chancery-receiver-"));
    std::fs::create_dir(&directory).unwrap();
    let library = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"])
        .arg(&directory)
        .arg("standardwebhooks==1.1.0")
        .output();
    let has_library = library.is_ok_and(|installed| installed.status.success());
    let mut examples = vec![example(1)];
    examples.extend(has_library.then(|| example(2)));
    for example in examples {
        for (body, believed) in [(message.body.clone(), true), (b"{\"type\":\"forged\"}".to_vec(), false)] {
            let headers: BTreeMap<_, _> = message.headers.iter().cloned().collect();
            let program = format!(
                "import json, os\nheaders = json.loads(os.environ['HEADERS'])\nbody = os.environ['BODY']\n\
                 secret = os.environ['SECRET']\n{example}\nprint(receive(secret, headers, body)['type'])\n"
            );
            let output = Command::new("python3")
                .args(["-c", &program])
                .env("PYTHONPATH", &directory)
                .env("HEADERS", json!(headers).to_string())
                .env("BODY", String::from_utf8(body).unwrap())
                .env("SECRET", &hook.secret)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let why = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.success(), believed, "{why}");
            assert_eq!(said == "webhook.test", believed, "{said} {why}");
        }
    }
    std::fs::remove_dir_all(directory).unwrap();
}
