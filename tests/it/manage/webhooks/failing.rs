//! Receivers that fail, dawdle, lie and vanish; and processes that end between two breaths

use std::time::Duration;

use chancery_tests::answer::text;
use chancery_tests::dns::Dns;
use chancery_tests::people::badge;
use chancery_tests::receiver::Reply;
use chancery_tests::{House, Receiver, platform};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

use super::Hook;

#[tokio::test]
async fn whoever_fails_twice_is_told_again_under_the_same_id() {
    let (tenant, receiver) = (platform().newcomer().await, Receiver::start().await);
    let issuer = tenant.issuer();
    let hook = Hook::to(&issuer, &receiver.url(), &json!(["offer.created"])).await;
    receiver.answers([Reply::Status(500), Reply::Status(503)]);
    issuer.offer(badge()).await;
    let messages = receiver.some(3).await;
    assert!(messages.iter().all(|message| message.id() == messages[0].id()));
    assert!(messages.iter().all(|message| message.body == messages[0].body));
    assert!(messages.iter().all(|message| message.is_signed_with(&hook.secret)));
    let times: Vec<i64> =
        messages.iter().map(|message| message.header("webhook-timestamp").parse().unwrap()).collect();
    assert!(times.is_sorted() && times[2] - times[0] >= 5, "with growing waits: {times:?}");
    let delivery = hook.becomes(&issuer, |delivery| delivery["state"] == "delivered").await;
    assert_eq!((&delivery["attempts"], &delivery["last_answer"]), (&json!(3), &json!("204")));
    let shown = issuer.get(&format!("/webhooks/{}", hook.id)).await.granted();
    assert!(shown["failing_since"].is_null(), "{shown}");
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_nobody_follows_it() {
    let (tenant, receiver, inside) =
        (platform().newcomer().await, Receiver::start().await, Receiver::start().await);
    let issuer = tenant.issuer();
    let hook = Hook::to(&issuer, &receiver.url(), &json!(["offer.created"])).await;
    receiver.usually(Reply::Elsewhere(inside.url()));
    issuer.offer(badge()).await;
    let delivery = hook.becomes(&issuer, |delivery| !delivery["last_answer"].is_null()).await;
    assert_eq!((&delivery["state"], &delivery["last_answer"]), (&json!("pending"), &json!("307")));
    assert!(!text(&delivery["next_attempt_at"]).is_empty());
    assert_eq!(inside.count(), 0);
    let shown = issuer.get(&format!("/webhooks/{}", hook.id)).await.granted();
    assert!(!shown["failing_since"].is_null(), "{shown}");
}

#[tokio::test]
async fn a_webhook_that_never_answers_delays_no_other() {
    let (tenant, silent, quick) =
        (platform().newcomer().await, Receiver::start().await, Receiver::start().await);
    let issuer = tenant.issuer();
    let hook = Hook::to(&issuer, &silent.url(), &json!(["offer.created"])).await;
    Hook::to(&issuer, &quick.url(), &json!(["offer.created"])).await;
    silent.usually(Reply::Never);
    issuer.offer(badge()).await;
    silent.next().await;
    let offer = issuer.offer(badge()).await;
    quick.next().await;
    assert_eq!(quick.next().await.json()["data"]["offer_id"], offer.id);
    let later = async {
        loop {
            let deliveries = hook.deliveries(&issuer).await;
            if let Some(tried) = deliveries.iter().find(|one| !one["last_answer"].is_null()) {
                return text(&tried["last_answer"]);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), later).await.unwrap(), "timed-out");
}

#[tokio::test]
async fn whoever_is_gone_is_told_nothing_more_until_somebody_says_so() {
    let (tenant, receiver) = (platform().newcomer().await, Receiver::start().await);
    let issuer = tenant.issuer();
    let hook = Hook::to(&issuer, &receiver.url(), &json!(["offer.created"])).await;
    receiver.answers([Reply::Status(410)]);
    issuer.offer(badge()).await;
    let id = receiver.next().await.id();
    let shown = loop {
        let shown = issuer.get(&format!("/webhooks/{}", hook.id)).await.granted();
        if shown["enabled"] == false {
            break shown;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(text(&shown["disabled_because"]).contains("410"));
    let told = issuer.get("/audit?action=webhook.disabled").await.granted();
    assert_eq!((&told["data"][0]["target"], &told["data"][0]["actor"]), (&json!(hook.id), &json!("host")));
    issuer.offer(badge()).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(receiver.count(), 1);
    // It is back, and hears what waited for it.
    hook.patch(&issuer, &json!({ "description": "back" })).await.is(200);
    assert_eq!(receiver.next().await.id(), id);
}

#[tokio::test]
async fn of_a_deleted_tenant_nothing_is_told() {
    let platform = platform();
    let (tenant, receiver) = (platform.newcomer().await, Receiver::start().await);
    receiver.usually(Reply::Status(500));
    Hook::to(&tenant.issuer(), &receiver.url(), &json!(["offer.created"])).await;
    tenant.issuer().offer(badge()).await;
    receiver.next().await;
    platform.operator().delete(&tenant).await.is(200);
    let before = receiver.count();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(receiver.count() <= before + 1, "one that was under way");
}

/// A house of its own, whose database is at hand.
async fn sql(house: &House, statement: &str) {
    let mut database = PgConnection::connect(&house.database()).await.unwrap();
    raw_sql(AssertSqlSafe(statement)).execute(&mut database).await.unwrap();
}

#[tokio::test]
async fn what_a_process_took_and_did_not_finish_another_one_delivers() {
    let mut house = House::start();
    let receiver = Receiver::start().await;
    let issuer = house.acme().issuer();
    let hook = Hook::to(&issuer, &receiver.url(), &json!(["offer.created"])).await;
    receiver.answers([Reply::Never]);
    issuer.offer(badge()).await;
    let first = receiver.next().await;
    house.kill();
    house.start_again();
    let issuer = house.acme().issuer();
    let taken = hook.deliveries(&issuer).await;
    assert_eq!((&taken[0]["state"], &taken[0]["last_answer"]), (&json!("pending"), &Value::Null));
    // Nobody waits here until the lease of who is dead is over.
    let now = "update chancery.webhook_deliveries set next_at = now(); \
               update chancery.due set at = now() where kind = 'deliver'";
    sql(&house, now).await;
    let second = receiver.next().await;
    assert_eq!((second.id(), second.body), (first.id(), first.body));
    hook.becomes(&issuer, |delivery| delivery["state"] == "delivered").await;
}

#[tokio::test]
async fn what_was_given_up_is_told_once_more() {
    let dns = Dns::start().await;
    dns.lead("hooks.test", &["10.1.2.3"]);
    let house = House::with(&[("CHANCERY_DNS", &dns.address.to_string())]);
    let receiver = Receiver::start().await;
    let issuer = house.acme().issuer();
    let hook = Hook::to(&issuer, &receiver.url(), &json!(["offer.created"])).await;
    receiver.answers([Reply::Status(500), Reply::Status(500)]);
    issuer.offer(badge()).await;
    let id = receiver.next().await.id();
    hook.becomes(&issuer, |delivery| delivery["last_answer"] == "500").await;
    sql(&house, "update chancery.webhook_deliveries set attempts = 11").await;
    receiver.next().await;
    hook.becomes(&issuer, |delivery| delivery["state"] == "dead").await;
    let path = format!("/webhooks/{}/replay-dead", hook.id);
    assert_eq!(issuer.post(&path, &json!({})).await.is(202).json(), json!({ "replayed": 1 }));
    assert_eq!(receiver.next().await.id(), id);
    let told = issuer.get("/audit?action=webhook.replayed").await.granted();
    assert_eq!(told["data"][0]["after"], json!({ "event_id": null, "replayed": 1 }));
    assert_eq!(issuer.post(&path, &json!({})).await.is(202).json(), json!({ "replayed": 0 }));

    // A name may be anybody's: what it stands for is looked at when it is told something.
    let inside = Hook::to(&issuer, "https://hooks.test/", &json!(["offer.expired"])).await;
    inside.test(&issuer).await;
    let delivery = inside.becomes(&issuer, |delivery| !delivery["last_answer"].is_null()).await;
    assert_eq!(delivery["last_answer"], "no-address");
    // What is stored does not tell the secret.
    let dump = String::from_utf8_lossy(&house.dump()).into_owned();
    for secret in [&hook.secret, &hook.secret["whsec_".len()..]] {
        assert!(!dump.contains(secret));
    }
}
