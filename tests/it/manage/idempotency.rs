//! `Idempotency-Key`: nothing happens twice

use std::collections::BTreeSet;

use chancery_tests::people::{Issuer, Request, badge, diploma};
use chancery_tests::{Answer, acme, together, twins, unique};
use reqwest::Method;

async fn create(issuer: &Issuer, key: &str, request: &Request) -> Answer {
    let sent = issuer.request(Method::POST, "/offers").header("idempotency-key", key).json(&request.0);
    Answer::to(sent).await
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let issuer = acme().issuer();
    let key = unique("order ");
    let first = create(&issuer, &key, &badge().tx_code()).await.is(201);
    let again = create(&issuer, &key, &badge().tx_code()).await.is(201);
    assert_eq!(first.body, again.body, "with the very link and the very code");
    let other = create(&issuer, &unique("order "), &badge().tx_code()).await.is(201);
    assert_ne!(first.json()["id"], other.json()["id"]);
}

#[tokio::test]
async fn a_key_names_one_request_only() {
    let issuer = acme().issuer();
    let key = unique("order ");
    create(&issuer, &key, &badge()).await.is(201);
    create(&issuer, &key, &diploma()).await.problem(422, "idempotency-mismatch");
    create(&issuer, &key, &badge().subject("given_name", "Eve")).await.problem(422, "idempotency-mismatch");
}

#[tokio::test]
async fn callers_do_not_share_keys() {
    let acme = acme();
    let key = unique("order ");
    let first = create(&acme.issuer(), &key, &badge()).await.is(201).json();
    let colleague = acme.issuer().key(&["issuance:offer"]).await;
    let second = create(&colleague, &key, &badge()).await.is(201).json();
    assert_ne!(first["id"], second["id"]);
}

#[tokio::test]
async fn a_refused_request_may_be_corrected_under_the_same_key() {
    let issuer = acme().issuer();
    let key = unique("order ");
    create(&issuer, &key, &badge().subject("given_name", 7)).await.wrong_parts();
    create(&issuer, &key, &badge()).await.is(201);
}

#[tokio::test]
async fn an_unusable_key_is_refused() {
    let issuer = acme().issuer();
    for key in ["", &"x".repeat(256)] {
        create(&issuer, key, &badge()).await.problem(400, "malformed-request");
    }
}

#[tokio::test]
async fn twenty_at_once_on_two_processes_make_one_offer() {
    let key = unique("order ");
    let issuers = twins().map(|acme| acme.issuer());
    // The processes have API keys of their own; the caller is one.
    let caller = issuers[0].key(&["issuance:offer"]).await;
    let callers = twins().map(|acme| acme.holder_of(caller.secret()));
    let answers = together((0..20).map(|turn| {
        let (caller, key) = (callers[turn % 2].clone(), key.clone());
        async move { create(&caller, &key, &badge().tx_code()).await }
    }))
    .await;
    let bodies: BTreeSet<Vec<u8>> = answers.into_iter().map(|answer| answer.is(201).body).collect();
    assert_eq!(bodies.len(), 1);
}
