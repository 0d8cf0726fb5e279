//! One tenant hammers, and the others do not notice

use std::time::Duration;

use chancery_tests::people::badge;
use chancery_tests::{Acme, Answer, House};
use reqwest::Method;

/// Ten requests at once, then five a second.
const FEW: &[(&str, &str)] = &[("SAAS_MODE", "true"), ("CHANCERY_TENANT_RATE", "5")];

/// Forty requests at once.
async fn hammer(one: impl Fn() -> reqwest::RequestBuilder) -> Vec<Answer> {
    let all: Vec<_> = (0..40).map(|_| tokio::spawn(Answer::to(one()))).collect();
    let mut answers = Vec::new();
    for answer in all {
        answers.push(answer.await.unwrap());
    }
    answers
}

/// Those that were refused, and for how many seconds.
fn waits(answers: &[Answer]) -> Vec<u64> {
    let refused = answers.iter().filter(|answer| answer.status == 429);
    refused.map(|answer| answer.header("retry-after").unwrap().parse().unwrap()).collect()
}

async fn is_served(tenant: &Acme) {
    let offer = tenant.issuer().offer(badge()).await;
    tenant.wallet().claim(&offer).await;
    tenant.stranger().get("/jwks").await.is(200);
}

#[tokio::test]
async fn a_tenant_that_hammers_is_told_to_wait_and_no_other_notices() {
    let house = House::with(FEW);
    let (acme, globex) = (house.platform().founded("acme"), house.platform().founded("globex"));

    let wallets = hammer(|| acme.stranger().request(Method::POST, "/nonce")).await;
    let waits_of_wallets = waits(&wallets);
    assert!((20..40).contains(&waits_of_wallets.len()), "{waits_of_wallets:?}");
    assert!(waits_of_wallets.iter().all(|wait| (1..=5).contains(wait)), "{waits_of_wallets:?}");
    let refused = wallets.into_iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"), "a wallet may live in a browser");
    refused.refused(429, "temporarily_unavailable");
    is_served(&globex).await;

    // A crowd of wallets keeps neither managers nor verifiers away.
    acme.issuer().offer(badge()).await;
    acme.stranger().get("/jwks").await.is(200);

    let managers = hammer(|| acme.issuer().request(Method::GET, "/offers")).await;
    assert!(waits(&managers).len() >= 20);
    managers.into_iter().find(|answer| answer.status == 429).unwrap().problem(429, "too-many-requests");
    is_served(&globex).await;
    globex.stranger().get("/api/errors/too-many-requests").await.is(200);

    // Who waits is served, and whoever operates the platform was never in the queue.
    house.platform().operator().get("/tenants").await.granted();
    tokio::time::sleep(Duration::from_secs(2)).await;
    is_served(&acme).await;
}

#[tokio::test]
async fn an_operator_may_do_without_limits() {
    let house = House::with(&[("SAAS_MODE", "true"), ("CHANCERY_TENANT_RATE", "off")]);
    let acme = house.platform().founded("acme");
    for _ in 0..20 {
        assert!(waits(&hammer(|| acme.stranger().request(Method::POST, "/nonce")).await).is_empty());
    }
}
