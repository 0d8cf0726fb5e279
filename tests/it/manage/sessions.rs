//! `/api/sessions`: what became of offers, and that they are forgotten

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::wallet::Asking;
use chancery_tests::people::{Issuer, Token, badge};
use chancery_tests::{Answer, House, acme, platform, unique};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

async fn ids(issuer: &Issuer, query: &str) -> Vec<String> {
    let page = issuer.get(&format!("/sessions{query}")).await.granted();
    page["data"].as_array().unwrap().iter().map(|session| text(&session["id"])).collect()
}

#[tokio::test]
async fn a_session_follows_its_offer() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let (active, taken, cancelled) =
        (issuer.offer(badge()).await, issuer.offer(badge()).await, issuer.offer(badge()).await);
    tenant.wallet().claim(&taken).await;
    issuer.delete(&format!("/offers/{}", cancelled.id)).await.is(204);
    assert_eq!(ids(&issuer, "").await, [cancelled.id.as_str(), taken.id.as_str(), active.id.as_str()]);
    for (state, id) in [("active", &active.id), ("completed", &taken.id), ("cancelled", &cancelled.id)] {
        assert_eq!(ids(&issuer, &format!("?state={state}")).await, [id.as_str()]);
    }
    assert!(ids(&issuer, "?state=failed").await.is_empty());
    issuer.get("/sessions?state=issued").await.problem(400, "malformed-request");
    let first = issuer.get("/sessions?limit=2").await.granted();
    let rest = ids(&issuer, &format!("?cursor={}", text(&first["next_cursor"]))).await;
    assert_eq!(rest, [active.id.as_str()]);

    let shown = issuer.get(&format!("/sessions/{}", taken.id)).await.granted();
    assert_eq!((&shown["state"], &shown["offer_state"]), (&json!("completed"), &json!("issued")));
    assert_eq!(shown["credentials"][0]["status"], "valid");
    assert_eq!(shown["history"][0]["action"], "offer.created");
    let shown = issuer.get(&format!("/sessions/{}", cancelled.id)).await.granted();
    let history: Vec<_> = shown["history"].as_array().unwrap().iter().map(|event| &event["action"]).collect();
    assert_eq!(history, ["offer.cancelled", "offer.created"]);
}

#[tokio::test]
async fn a_session_that_its_holder_consented_to_is_forgotten_like_any_other() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let offer = issuer.offer(badge().with("grant", "authorization_code")).await;
    let (asking, code) = tenant.wallet().consented(&offer, &Asking::scope("employee-badge")).await;
    let token = Token::read(tenant.wallet().token(&asking.redemption(&code)).await);
    let proofs = tenant.wallet().proofs(&Key::some(1), &tenant.wallet().nonce().await);
    tenant.wallet().request_badge(&token, &proofs).await.granted();
    issuer.delete(&format!("/sessions/{}", offer.id)).await.is(204);
    tenant.wallet().token(&asking.redemption(&code)).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_session_that_is_over_is_forgotten_and_its_credential_can_still_be_revoked() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let (open, taken) = (issuer.offer(badge()).await, issuer.offer(badge()).await);
    let credential = tenant.wallet().claim(&taken).await;
    let id = issuer.issued(&taken).await.remove(0);
    issuer.delete(&format!("/sessions/{}", open.id)).await.problem(409, "wrong-state");
    let path = format!("/sessions/{}", taken.id);
    issuer.delete(&path).await.is(204);
    for gone in [path.clone(), format!("/offers/{}", taken.id)] {
        issuer.get(&gone).await.problem(404, "not-found");
    }
    issuer.delete(&path).await.problem(404, "not-found");
    issuer.change(&id, "revoke").await.is(200);
    let taken_apart = tenant.verifier().verify(&credential).await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!(tenant.verifier().status(&taken_apart).await, 1);
    assert_eq!(issuer.get(&format!("/credentials/{id}")).await.granted()["status"], "revoked");
}

/// Somebody who got into the database as its owner, and makes offers older.
async fn age(house: &House, tenant: &str, offer: &str, days: i32) {
    let mut connection = PgConnection::connect(&house.database()).await.unwrap();
    let tenant = tenant.strip_prefix("tnt_").unwrap();
    let offer = offer.strip_prefix("ofr_").unwrap();
    let milliseconds = i64::from(days) * 86_400_000;
    let sql = format!(
        "set role chancery_owner; set search_path = chancery; set chancery.tenant = '{tenant}';
         create or replace function older(id uuid) returns uuid language sql as $$
             select (lpad(to_hex(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint - {milliseconds}), 12, '0')
                 || substr(replace(id::text, '-', ''), 13))::uuid $$;
         delete from offer_subjects where offer_id = '{offer}';
         update offers set id = older(id), created_at = created_at - interval '{days} days',
             expires_at = expires_at - interval '{days} days', issue_by = issue_by - interval '{days} days'
         where id = '{offer}';
         drop function older(uuid)"
    );
    raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn offers_are_forgotten_when_they_were_kept_as_long_as_chosen() {
    let house = House::of_many();
    let platform = house.platform();
    let (tenant, other) = (platform.founded("acme"), platform.founded("globex"));
    let operator = platform.operator();
    let mut kept = Vec::new();
    for tenant in [&tenant, &other] {
        let issuer = tenant.issuer();
        let (recent, old) = (issuer.offer(badge()).await, issuer.offer(badge()).await);
        tenant.wallet().claim(&old).await;
        age(&house, &operator.id_of(tenant).await, &old.id, 10).await;
        assert_eq!(ids(&issuer, "").await.len(), 2);
        kept.push(recent.id);
    }
    let request = tenant.issuer().request(Method::PATCH, "/configuration").header("if-match", "*");
    Answer::to(request.json(&json!({ "session_retention_days": 7 }))).await.is(200);
    for _ in 0..100 {
        if ids(&tenant.issuer(), "").await.len() == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(ids(&tenant.issuer(), "").await, [kept[0].as_str()]);
    assert_eq!(ids(&other.issuer(), "").await.len(), 2, "tenant by tenant");
    let credentials = tenant.issuer().get("/credentials").await.granted();
    assert_eq!(credentials["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_self_hosted_issuer_has_sessions_too() {
    let acme = acme();
    let name = unique("Ada");
    let offer = acme.issuer().offer(badge().subject("given_name", name.clone())).await;
    acme.wallet().claim(&offer).await;
    let shown: Value = acme.issuer().get(&format!("/sessions/{}", offer.id)).await.granted();
    assert_eq!(shown["state"], "completed");
    assert!(!shown.to_string().contains(&name));
}
