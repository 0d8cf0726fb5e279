//! What happens between the question and the answer: restarts, other keys, halts, templates that defer

use std::time::Duration;

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::wallet::{credentials, request_for};
use chancery_tests::people::{Plugin, Request, Token, Transaction, badge};
use chancery_tests::{Acme, Answer, House, platform};
use reqwest::Method;
use serde_json::{Value, json};

use super::{adas_subject, waiting};

#[tokio::test]
async fn a_house_that_was_killed_remembers_who_waits() {
    let mut house = House::start();
    let acme = house.acme();
    let (offer, token, transaction) = waiting(&acme).await;
    let (other, other_token, other_transaction) = waiting(&acme).await;
    acme.issuer().complete(&offer.deferral(), &json!({ "subject": adas_subject() })).await.granted();
    house.kill();
    house.start_again();
    let acme = house.acme();
    let answer = acme.wallet().come_back(&token, &transaction).await.granted();
    acme.verifier().verify(&credentials(&answer)[0]).await;
    Transaction::read(acme.wallet().come_back(&other_token, &other_transaction).await);
    acme.issuer().complete(&other.deferral(), &json!({})).await.granted();
    credentials(&acme.wallet().come_back(&other_token, &other_transaction).await.granted());
}

#[tokio::test]
async fn it_is_signed_with_the_key_of_the_day_it_is_fetched() {
    let acme = platform().newcomer().await;
    let issuer = acme.issuer();
    let (offer, token, transaction) = waiting(&acme).await;
    issuer.complete(&offer.deferral(), &json!({})).await.granted();
    issuer.post("/keys/rotate", &json!({ "activate_in": 0 })).await.is(200);
    let keys = issuer.get("/keys").await.granted();
    let active =
        keys["data"].as_array().unwrap().iter().find(|key| key["state"] == "active").unwrap().clone();
    let answer = acme.wallet().come_back(&token, &transaction).await.granted();
    let credential = acme.verifier().verify(&credentials(&answer)[0]).await;
    assert_eq!(credential.header["kid"], active["kid"]);
}

#[tokio::test]
async fn a_suspended_tenant_issues_nothing_that_waits_and_loses_none_of_it() {
    let platform = platform();
    let operator = platform.operator();
    let acme = platform.newcomer().await;
    let (offer, token, transaction) = waiting(&acme).await;
    acme.issuer().complete(&offer.deferral(), &json!({})).await.granted();
    operator.change(&acme, "suspend").await.is(200);
    let answer = acme.wallet().come_back(&token, &transaction).await;
    answer.refused(401, "invalid_token");
    operator.change(&acme, "resume").await.is(200);
    credentials(&acme.wallet().come_back(&token, &transaction).await.granted());
}

#[tokio::test]
async fn a_halt_puts_off_what_was_completed() {
    let acme = platform().newcomer().await;
    let issuer = acme.issuer();
    let (offer, token, transaction) = waiting(&acme).await;
    issuer.complete(&offer.deferral(), &json!({})).await.granted();
    let halt =
        issuer.post("/halts", &json!({ "scope": "tenant", "reason": "looking into it" })).await.is(201);
    acme.wallet().come_back(&token, &transaction).await.refused(503, "temporarily_unavailable");
    issuer.delete(&format!("/halts/{}", text(&halt.json()["id"]))).await.is(204);
    let mut answer = acme.wallet().come_back(&token, &transaction).await;
    for _ in 0..40 {
        if answer.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer = acme.wallet().come_back(&token, &transaction).await;
    }
    credentials(&answer.granted());
}

#[tokio::test]
async fn a_withdrawn_offer_takes_what_waits_with_it() {
    let acme = platform().newcomer().await;
    let issuer = acme.issuer();
    for complete in [false, true] {
        let (offer, token, transaction) = waiting(&acme).await;
        if complete {
            issuer.complete(&offer.deferral(), &json!({})).await.granted();
        }
        issuer.delete(&format!("/offers/{}", offer.id)).await.is(204);
        acme.wallet().come_back(&token, &transaction).await.refused(400, "invalid_transaction_id");
        assert_eq!(issuer.deferral_state(&offer.deferral()).await, "cancelled");
        issuer.complete(&offer.deferral(), &json!({})).await.problem(409, "wrong-state");
        issuer.refuse(&offer.deferral(), "Too late").await.problem(409, "wrong-state");
    }
}

const CERTIFICATION: &str = "professional-certification";

/// A tenant whose certifications somebody has to approve: the template says so.
async fn careful() -> (Acme, Plugin) {
    let plugin = Plugin::built(CERTIFICATION);
    (platform().newcomer_with(&plugin, &json!({ "on_approval": true })).await, plugin)
}

fn certification() -> Request {
    let subject = json!({
        "given_name": "Ada", "family_name": "Lovelace", "certification": "Certified Analyst",
        "certification_number": "CA-1843", "issue_date": "2026-06-30",
    });
    Request(json!({ "credentials": [{ "configuration_id": CERTIFICATION, "subject": subject }] }))
}

#[tokio::test]
async fn a_template_defers_and_has_the_last_word_on_what_was_completed() {
    let (acme, _) = careful().await;
    let (issuer, wallet, key) = (acme.issuer(), acme.wallet(), Key::p256());
    let offer = issuer.offer(certification()).await;
    let shown = issuer.get(&format!("/deferrals/{}", offer.deferral())).await.granted();
    assert_eq!(shown["reason"], "the certifying body has to approve it");
    let token = wallet.redeem_bound(&offer, &key).await;
    assert!(token.answer["expires_in"].as_i64().unwrap() > 86_400, "it was foreseen");
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let proof = wallet.dpop_with(&key, &token).await.sign(&key);
    let asked = wallet.request_bound(&token, &proof, &request_for(CERTIFICATION, &proofs)).await;
    let transaction = Transaction::read(asked);
    assert_eq!(transaction.interval, 10, "as the template says");

    let mut subject = certification().0["credentials"][0]["subject"].clone();
    subject["issue_date"] = "2999-01-01".into();
    let wrong = issuer.complete(&offer.deferral(), &json!({ "subject": subject })).await;
    assert_eq!(wrong.wrong_parts(), ["/subject/issue_date"]);
    subject["issue_date"] = "2026-06-29".into();
    issuer.complete(&offer.deferral(), &json!({ "subject": subject })).await.granted();
    let answer = wallet.come_back_bound(&token, &key, &transaction).await.granted();
    let credential = acme.verifier().verify(&credentials(&answer)[0]).await;
    assert_eq!(credential.claims["issue_date"], "2026-06-29");
    assert_eq!(credential.claims["expiry_date"], "2029-06-29", "the template made it");
}

#[tokio::test]
async fn a_template_that_is_quarantined_meanwhile_issues_nothing_that_waits() {
    let operator = platform().operator();
    // Another version, so that nobody else is put off.
    let plugin = Plugin::built(CERTIFICATION).saying("Test certifying body", "Next certifying body");
    let acme = platform().newcomer_with(&plugin, &json!({ "on_approval": true })).await;
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let offer = issuer.offer(certification()).await;
    let token = wallet.redeem(&offer).await;
    let transaction = wallet.wait_for(CERTIFICATION, &token).await;
    issuer.complete(&offer.deferral(), &json!({})).await.granted();
    let path = format!("/plugins/{}", plugin.digest());
    operator.post(&format!("{path}/quarantine"), &json!({ "reason": "It counts wrong" })).await.is(204);
    let refused = wallet.come_back(&token, &transaction).await;
    refused.refused(503, "temporarily_unavailable");
    operator.post(&format!("{path}/release"), &json!({})).await.is(204);
    credentials(&wallet.come_back(&token, &transaction).await.granted());
}

/// A template that defers only when it is serious, and for ever.
async fn hostile(what: &str) -> Acme {
    platform().newcomer_with(&Plugin::built("hostile"), &json!({ "prepare": what })).await
}

fn of_hostile() -> Request {
    Request(json!({ "credentials": [{ "configuration_id": "hostile", "subject": { "value": "x" } }] }))
}

#[tokio::test]
async fn a_template_that_defers_for_ever_keeps_the_wallet_waiting() {
    let acme = hostile("defer").await;
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let offer = issuer.offer(of_hostile()).await;
    let token = wallet.redeem(&offer).await;
    let transaction = wallet.wait_for("hostile", &token).await;
    assert_eq!(transaction.interval, 60);
    let brought = json!({ "subject": { "value": "y" } });
    issuer.complete(&offer.deferral(), &brought).await.problem(422, "template-failed");
    issuer.complete(&offer.deferral(), &json!({})).await.granted();
    for _ in 0..2 {
        let again = Transaction::read(wallet.come_back(&token, &transaction).await);
        assert_eq!(again.id, transaction.id);
    }
    assert_eq!(issuer.issued(&offer).await.len(), 0);
}

#[tokio::test]
async fn a_template_that_changes_its_mind_defers_while_the_wallet_waits() {
    let acme = hostile("defer-in-earnest").await;
    let (issuer, wallet, key) = (acme.issuer(), acme.wallet(), Key::p256());
    let offer = issuer.offer(of_hostile()).await;
    assert!(offer.answer.get("deferrals").is_none(), "the rehearsal knew nothing of it");
    let token = wallet.redeem_bound(&offer, &key).await;
    assert_eq!(token.answer["expires_in"], 300);
    let ask = || async {
        let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
        let proof = wallet.dpop_with(&key, &token).await.sign(&key);
        wallet.request_bound(&token, &proof, &request_for("hostile", &proofs)).await
    };
    let transaction = Transaction::read(ask().await);
    let waits = issuer.get(&format!("/deferrals?state=pending&offer={}", offer.id)).await.granted();
    assert_eq!(waits["data"].as_array().unwrap().len(), 1);
    assert_eq!(waits["data"][0]["reason"], "somebody has to look at it");
    issuer.complete(&text(&waits["data"][0]["id"]), &json!({})).await.granted();
    let answer = wallet.come_back_bound(&token, &key, &transaction).await.granted();
    acme.verifier().verify(&credentials(&answer)[0]).await;
    let asked: Answer = ask().await;
    assert!([400, 401].contains(&asked.status), "{asked}");
}

async fn choose(tenant: &Acme, chosen: Value) {
    let request = tenant.issuer().request(Method::PATCH, "/configuration").header("if-match", "*");
    Answer::to(request.json(&chosen)).await.is(200);
}

#[tokio::test]
async fn what_was_decided_once_is_not_renewed_without_a_decision() {
    let acme = platform().newcomer().await;
    choose(&acme, json!({ "refresh_token_days": 30 })).await;
    let (issuer, wallet, key) = (acme.issuer(), acme.wallet(), Key::p256());
    let token: Token = wallet.redeem_bound(&issuer.offer(badge().deferred()).await, &key).await;
    assert!(token.answer.get("refresh_token").is_none());
}

#[tokio::test]
async fn who_refreshes_while_something_is_waited_for_goes_on_waiting() {
    let acme = hostile("defer-in-earnest").await;
    choose(&acme, json!({ "refresh_token_days": 30 })).await;
    let (issuer, wallet, key) = (acme.issuer(), acme.wallet(), Key::p256());
    let offer = issuer.offer(of_hostile()).await;
    let token = wallet.redeem_bound(&offer, &key).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let proof = wallet.dpop_with(&key, &token).await.sign(&key);
    let asked = wallet.request_bound(&token, &proof, &request_for("hostile", &proofs)).await;
    let transaction = Transaction::read(asked);
    let refresh = async |token: &Token| {
        let refresh_token = text(&token.answer["refresh_token"]);
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
        let proof = wallet.dpop(&key, "/token").await.sign(&key);
        Token::read(Answer::to(wallet.token_request(&form).header("DPoP", proof)).await)
    };
    let again = refresh(&token).await;
    Transaction::read(wallet.come_back_bound(&again, &key, &transaction).await);
    let deferrals = issuer.get(&format!("/deferrals?offer={}", offer.id)).await.granted();
    issuer.complete(&text(&deferrals["data"][0]["id"]), &json!({})).await.granted();
    let once_more = refresh(&again).await;
    let answer = wallet.come_back_bound(&once_more, &key, &transaction).await.granted();
    acme.verifier().verify(&credentials(&answer)[0]).await;
    let offers = async || issuer.get("/offers").await.granted()["data"].as_array().unwrap().len();
    let before = offers().await;
    let renewed = refresh(&once_more).await;
    assert_eq!(offers().await, before + 1, "from then on it renews");
    wallet.come_back_bound(&renewed, &key, &transaction).await.refused(400, "invalid_transaction_id");
}

#[tokio::test]
async fn a_tenant_says_how_long_may_be_waited() {
    let acme = platform().newcomer().await;
    choose(&acme, json!({ "deferral_days": 2 })).await;
    let (issuer, wallet, key) = (acme.issuer(), acme.wallet(), Key::p256());
    let offer = issuer.offer(badge().deferred()).await;
    let token = wallet.redeem_bound(&offer, &key).await;
    assert!((172_700..=172_800).contains(&token.answer["expires_in"].as_i64().unwrap()));
}
