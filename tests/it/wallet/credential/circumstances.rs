//! What a template is told beside the subject, and when it says that a credential ends

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::openid_provider::CLIENT;
use chancery_tests::people::holder::sent_away;
use chancery_tests::people::wallet::{Asking, credentials, request_for};
use chancery_tests::people::{Plugin, Request, Token};
use chancery_tests::{Acme, Answer, OpenIdProvider, now, platform};
use reqwest::Method;
use serde_json::{Value, json};

const DAY: i64 = 86_400;

/// A tenant whose template does so.
async fn hostile(behaviour: &str) -> Acme {
    platform().newcomer_with(&Plugin::built("hostile"), &json!({ "prepare": behaviour })).await
}

fn of_hostile() -> Request {
    Request(json!({ "credentials": [{ "configuration_id": "hostile", "subject": { "value": "x" } }] }))
}

/// The claims of the one that a bound token brings.
async fn claimed(acme: &Acme, key: &Key, token: &Token, configuration_id: &str) -> Value {
    let wallet = acme.wallet();
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let proof = wallet.dpop_with(key, token).await.sign(key);
    let answer = wallet.request_bound(token, &proof, &request_for(configuration_id, &proofs)).await.granted();
    acme.verifier().verify(&credentials(&answer)[0]).await.claims
}

#[tokio::test]
async fn a_template_hears_how_often_the_wallet_had_it_before() {
    let acme = hostile("circumstances").await;
    acme.choose(&json!({ "refresh_token_days": 30, "credential_repeats": 2 })).await.is(200);
    let (wallet, key) = (acme.wallet(), Key::p256());
    let offer = acme.issuer().offer(of_hostile()).await;
    let mut token = wallet.redeem_bound(&offer, &key).await;
    let mut credential = String::new();
    for renewal in 0..2 {
        for again in 0..2 {
            let claims = claimed(&acme, &key, &token, "hostile").await;
            assert_eq!(claims["value"], format!("None None {} before", renewal + again));
        }
        let issued = acme.issuer().issued(&offer).await;
        credential = issued.last().cloned().unwrap_or(credential);
        let refresh_token = text(&token.answer["refresh_token"]);
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", &refresh_token), ("client_id", "wallet")];
        let proof = wallet.dpop(&key, "/token").await.sign(&key);
        token = Token::read(Answer::to(wallet.token_request(&form).header("DPoP", proof)).await);
    }
    // How often is not said again when that is looked into; it is found out.
    let path = format!("/credentials/{credential}/replay");
    let replayed = acme.issuer().post(&path, &json!({ "subject": { "value": "x" } })).await.granted();
    assert_eq!((&replayed["same"], &replayed["input"]), (&json!(true), &json!("given")), "{replayed}");
}

#[tokio::test]
async fn a_template_hears_whose_word_it_is_and_how_the_holder_signed_in() {
    let (acme, provider) = (hostile("circumstances").await, OpenIdProvider::start().await);
    let terms = json!({
        "label": "Sign in", "issuer": provider.issuer(), "client_id": CLIENT.0, "client_secret": CLIENT.1,
        "configuration_ids": ["hostile"], "claims": { "value": "given_name" },
    });
    Answer::to(acme.issuer().request(Method::PUT, "/providers/sso").json(&terms)).await.is(200);
    provider.says(json!({ "acr": "high", "amr": ["hwk", "pin"], "auth_time": 1_793_000_000 }));
    let (wallet, holder, key) = (acme.wallet(), acme.holder(), Key::p256());
    let asking = Asking::scope("hostile");
    let page = holder.open(&wallet.pushed(&asking).await).await.is(200);
    let (location, cookie) = sent_away(&holder.leave(&page, "sso").await);
    let page = holder.come_back("sso", &provider.sign_in(&location), &[cookie]).await.is(200);
    let told = holder.consent(&page).await;
    let form = asking.redemption(&told["code"]);
    let proof = wallet.dpop(&key, "/token").await.sign(&key);
    let token = Token::read(Answer::to(wallet.token_request(&form).header("DPoP", proof)).await);
    let said = text(&claimed(&acme, &key, &token, "hostile").await["value"]);
    for part in ["Some(\"high\")", "[\"hwk\", \"pin\"]", "Some(1793000000)", &provider.issuer(), "1843-07"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn a_credential_ends_with_what_it_stands_for() {
    let acme = platform().newcomer_with(&Plugin::built("passport"), &json!({})).await;
    let ends = now() / DAY * DAY + 40 * DAY;
    let last_day = time::OffsetDateTime::from_unix_timestamp(ends - DAY).unwrap().date();
    let passport = Request(json!({ "credentials": [{ "configuration_id": "passport", "subject": {
        "passport_number": "C01X0006H", "given_name": "Ada", "family_name": "Lovelace",
        "birth_date": "1990-12-10", "nationality": "GB", "issuing_country": "GB",
        "expiry_date": last_day.to_string(),
    } }] }));
    let offer = acme.issuer().offer(passport).await;
    let key = Key::p256();
    let token = acme.wallet().redeem_bound(&offer, &key).await;
    let claims = claimed(&acme, &key, &token, "passport").await;
    assert_eq!(claims["exp"], ends, "with the end of its last day: {claims}");
}

#[tokio::test]
async fn what_would_be_over_before_it_begins_is_not_offered() {
    let acme = hostile("over").await;
    let refused = acme.issuer().post("/offers", &of_hostile().0).await.problem(422, "invalid");
    assert!(refused.to_string().contains("over before it begins"), "{refused}");
}
