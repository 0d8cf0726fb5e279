//! `POST /deferred-credential` (OpenID4VCI §9)

mod between;
mod encrypted;

use std::sync::Arc;

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::mdoc;
use chancery_tests::people::wallet::{Asking, badge_request, credentials, request_for};
use chancery_tests::people::{Offer, Request, Token, Transaction, badge, diploma};
use chancery_tests::{Acme, Answer, acme, platform, together, twins};
use reqwest::Method;
use serde_json::{Value, json};

const MONTH: i64 = 30 * 86_400;

/// A wallet that waits for a badge.
async fn waiting(acme: &Acme) -> (Offer, Token, Transaction) {
    let (wallet, offer) = (acme.wallet(), acme.issuer().offer(badge().deferred()).await);
    let token = wallet.redeem(&offer).await;
    let transaction = wallet.wait_for_badge(&token).await;
    (offer, token, transaction)
}

fn adas_subject() -> Value {
    badge().0["credentials"][0]["subject"].clone()
}

#[tokio::test]
async fn what_is_deferred_is_issued_when_somebody_completed_it() {
    let acme = acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let metadata = acme.http.get(acme.at("/.well-known/openid-credential-issuer"));
    let metadata = Answer::to(metadata).await.is(200).json();
    assert_eq!(metadata["deferred_credential_endpoint"], format!("{}/deferred-credential", acme.identifier));

    let offer = issuer.offer(badge().deferred()).await;
    let deferral = offer.deferral();
    assert!(deferral.starts_with("dfr_"));
    let (token, key) = (wallet.redeem(&offer).await, Key::p256());
    let nonce = wallet.nonce().await;
    let proofs = [wallet.proof(&key, &nonce).sign(&key)];
    let transaction = Transaction::read(wallet.request_badge(&token, &proofs).await);
    assert!(transaction.interval > 0 && transaction.id.len() >= 22);
    assert_eq!(issuer.state(&offer).await, "redeemed");

    for _ in 0..2 {
        let again = Transaction::read(wallet.come_back(&token, &transaction).await);
        assert_eq!((&again.id, again.interval), (&transaction.id, transaction.interval), "the same one");
    }
    let shown = issuer.get(&format!("/deferrals/{deferral}")).await.granted();
    assert_eq!((&shown["state"], &shown["subject_needed"]), (&json!("pending"), &json!(false)));
    assert_eq!(shown["offer"], offer.id);
    let completed = issuer.complete(&deferral, &json!({})).await.granted();
    assert_eq!(completed["state"], "completed");

    let answer = wallet.come_back(&token, &transaction).await.granted();
    let credential = acme.verifier().verify(&credentials(&answer)[0]).await;
    assert_eq!(credential.claims["given_name"], "Ada");
    assert_eq!(credential.payload["cnf"]["jwk"], key.jwk(), "bound to the key that was proved then");
    wallet.come_back(&token, &transaction).await.refused(400, "invalid_transaction_id");
    wallet.request_badge(&token, &wallet.proofs(&Key::some(1), &wallet.nonce().await)).await.is(400);

    assert_eq!(issuer.deferral_state(&deferral).await, "issued");
    let shown = issuer.get(&format!("/offers/{}", offer.id)).await.granted();
    assert_eq!(
        shown["deferrals"],
        json!([{ "id": deferral, "configuration_id": "employee-badge", "state": "issued" }])
    );
    assert_eq!(issuer.issued(&offer).await.len(), 1);
    let notified = json!({ "notification_id": answer["notification_id"], "event": "credential_accepted" });
    let notify = wallet.post("/notification").bearer_auth(&token.text).json(&notified);
    Answer::to(notify).await.is(204);
    assert_eq!(issuer.state(&offer).await, "accepted");
}

#[tokio::test]
async fn a_subject_may_be_brought_later_and_counts_instead_of_what_was_offered() {
    let acme = acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    for offered in [badge().deferred().about_nobody(), badge().deferred()] {
        let offer = issuer.offer(offered).await;
        let token = wallet.redeem(&offer).await;
        let proofs = wallet.proofs(&Key::some(3), &wallet.nonce().await);
        let transaction = Transaction::read(wallet.request_badge(&token, &proofs).await);
        let mut subject = adas_subject();
        subject["given_name"] = "Augusta".into();
        issuer.complete(&offer.deferral(), &json!({ "subject": subject })).await.granted();
        let copies = credentials(&wallet.come_back(&token, &transaction).await.granted());
        assert_eq!(copies.len(), 3, "one for each key that was proved");
        for copy in &copies {
            assert_eq!(acme.verifier().verify(copy).await.claims["given_name"], "Augusta");
        }
    }
}

#[tokio::test]
async fn what_was_completed_before_the_wallet_came_is_issued_at_once() {
    let acme = acme();
    let offer = acme.issuer().offer(badge().deferred().about_nobody()).await;
    acme.issuer().complete(&offer.deferral(), &json!({ "subject": adas_subject() })).await.granted();
    let credential = acme.wallet().claim(&offer).await;
    assert_eq!(acme.verifier().verify(&credential).await.claims["given_name"], "Ada");
    assert_eq!(acme.issuer().deferral_state(&offer.deferral()).await, "issued");
}

#[tokio::test]
async fn an_mdoc_is_deferred_as_well() {
    let acme = acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let pid = "person-identification-data.mso_mdoc";
    let subject = json!({
        "given_name": "Erika", "family_name": "Mustermann", "birthdate": "1964-08-12",
        "place_of_birth": { "country": "DE" }, "nationalities": ["DE"],
    });
    let offer = json!({ "credentials": [{ "configuration_id": pid, "deferred": true }] });
    let offer = issuer.offer(Request(offer)).await;
    let token = wallet.redeem(&offer).await;
    let transaction = wallet.wait_for(pid, &token).await;
    issuer.complete(&offer.deferral(), &json!({ "subject": subject })).await.granted();
    let answer = wallet.come_back(&token, &transaction).await.granted();
    let mdoc = mdoc::verify(&credentials(&answer)[0], &acme.verifier().keys().await);
    assert_eq!(mdoc.elements["eu.europa.ec.eudi.pid.1"]["family_name"], "Mustermann".into());
}

#[tokio::test]
async fn of_one_offer_one_credential_may_wait_while_the_other_is_issued() {
    let acme = acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let offer = issuer.offer(badge().deferred().and(&diploma())).await;
    let token = wallet.redeem(&offer).await;
    let transaction = wallet.wait_for_badge(&token).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    wallet.request(&token, &request_for("university-diploma", &proofs)).await.granted();
    issuer.complete(&offer.deferral(), &json!({})).await.granted();
    credentials(&wallet.come_back(&token, &transaction).await.granted());
    assert_eq!(issuer.issued(&offer).await.len(), 2);
}

#[tokio::test]
async fn a_refusal_reaches_the_wallet_with_its_reason() {
    let acme = acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let (offer, token, transaction) = waiting(&acme).await;
    let refused = issuer.refuse(&offer.deferral(), "The photo is not of you \"Ada\"").await.granted();
    assert_eq!(
        (&refused["state"], &refused["refusal"]),
        (&json!("refused"), &json!("The photo is not of you \"Ada\""))
    );
    for _ in 0..2 {
        let told = wallet.come_back(&token, &transaction).await.refused(400, "credential_request_denied");
        assert_eq!(told.json()["error_description"], "The photo is not of you 'Ada'");
    }
    assert_eq!(issuer.state(&offer).await, "failed");

    // Before any wallet came.
    let offer = issuer.offer(badge().deferred().and(&diploma())).await;
    issuer.refuse(&offer.deferral(), "Not this year").await.granted();
    let token = wallet.redeem(&offer).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    wallet.request_badge(&token, &proofs).await.refused(400, "credential_request_denied");
    let request = request_for("university-diploma", &wallet.proofs(&Key::some(1), &wallet.nonce().await));
    wallet.request(&token, &request).await.granted();
    assert_eq!(issuer.state(&offer).await, "issued");
}

#[tokio::test]
async fn a_transaction_belongs_to_one_token_and_all_others_hear_the_same() {
    let acme = acme();
    let wallet = acme.wallet();
    let (_, mine, my_transaction) = waiting(&acme).await;
    let (theirs_offer, theirs, their_transaction) = waiting(&acme).await;
    acme.issuer().complete(&theirs_offer.deferral(), &json!({})).await.granted();
    let unknown = Transaction { id: "AAAAAAAAAAAAAAAAAAAAAA".into(), interval: 1 };
    let garbage = Transaction { id: "x".repeat(5_000), interval: 1 };
    let mut heard = Vec::new();
    for transaction in [&their_transaction, &unknown, &garbage] {
        let refused = wallet.come_back(&mine, transaction).await.refused(400, "invalid_transaction_id");
        heard.push(refused.body);
    }
    credentials(&wallet.come_back(&theirs, &their_transaction).await.granted());
    heard.push(
        wallet.come_back(&theirs, &their_transaction).await.refused(400, "invalid_transaction_id").body,
    );
    heard.dedup();
    assert_eq!(heard.len(), 1, "unknown, another's and used up are told apart by nobody");
    Transaction::read(wallet.come_back(&mine, &my_transaction).await);

    // Another tenant's.
    let globex = platform().newcomer().await;
    let (_, token, _) = waiting(&globex).await;
    let refused = globex.wallet().come_back(&token, &my_transaction).await;
    assert_eq!(vec![refused.refused(400, "invalid_transaction_id").body], heard);
    globex.wallet().come_back(&mine, &my_transaction).await.challenged(401, "Bearer", "invalid_token");
}

#[tokio::test]
async fn a_request_that_is_none_is_refused() {
    let acme = acme();
    let wallet = acme.wallet();
    let (_, token, transaction) = waiting(&acme).await;
    for body in [json!({}), json!({ "transaction_id": 7 }), json!([])] {
        wallet.come_back_with(&token, &body).await.refused(400, "invalid_credential_request");
    }
    let unknown = json!({ "transaction_id": transaction.id, "a": { "b": [1] } });
    Transaction::read(wallet.come_back_with(&token, &unknown).await);
    let bare = wallet.post("/deferred-credential").json(&json!({ "transaction_id": transaction.id }));
    Answer::to(bare).await.refused(401, "invalid_token");
    let plain =
        json!({ "transaction_id": transaction.id, "credential_response_encryption": { "enc": "A128GCM" } });
    wallet.come_back_with(&token, &plain).await.refused(400, "invalid_encryption_parameters");
    let request = acme.http.request(Method::GET, acme.at("/deferred-credential"));
    assert_eq!(Answer::to(request).await.status, 405);
}

#[tokio::test]
async fn a_bound_token_lasts_as_long_as_its_deferral_and_serves_its_key_alone() {
    let acme = acme();
    let (issuer, wallet, key) = (acme.issuer(), acme.wallet(), Key::p256());
    let offer = issuer.offer(badge().deferred()).await;
    let token = wallet.redeem_bound(&offer, &key).await;
    let expires_in = token.answer["expires_in"].as_i64().unwrap();
    assert!((MONTH - 60..=MONTH).contains(&expires_in), "{expires_in}");
    let plain = wallet.redeem_bound(&issuer.offer(badge()).await, &key).await;
    assert_eq!(plain.answer["expires_in"], 300);
    let unbound = wallet.redeem(&issuer.offer(badge().deferred()).await).await;
    assert_eq!(unbound.answer["expires_in"], 300, "what anybody may use who finds it, ends soon (§13.6)");

    let lost = wallet.wait_for_badge_bound(&token, &key).await;
    // The answer was lost: who proves to be the same asks again.
    let transaction = wallet.wait_for_badge_bound(&token, &key).await;
    let answer = wallet.come_back_bound(&token, &key, &lost).await;
    answer.refused(400, "invalid_transaction_id");
    wallet.come_back_bound(&token, &Key::p256(), &transaction).await.challenged(
        401,
        "DPoP",
        "invalid_dpop_proof",
    );
    wallet.come_back(&token, &transaction).await.challenged(401, "Bearer", "invalid_token");

    let proof = wallet.dpop_at("/deferred-credential", &key, &token).await.sign(&key);
    let come = || {
        let request =
            wallet.post("/deferred-credential").header("authorization", format!("DPoP {}", token.text));
        Answer::to(request.header("DPoP", &proof).json(&json!({ "transaction_id": transaction.id })))
    };
    Transaction::read(come().await);
    come().await.challenged(401, "DPoP", "invalid_dpop_proof");
    issuer.complete(&offer.deferral(), &json!({})).await.granted();
    let answer = wallet.come_back_bound(&token, &key, &transaction).await.granted();
    acme.verifier().verify(&credentials(&answer)[0]).await;
}

#[tokio::test]
async fn a_wallet_that_cannot_prove_itself_asks_once() {
    let acme = acme();
    let wallet = acme.wallet();
    let (_, token, transaction) = waiting(&acme).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    wallet.request_badge(&token, &proofs).await.refused(400, "credential_request_denied");
    Transaction::read(wallet.come_back(&token, &transaction).await);
}

#[tokio::test]
async fn proofs_are_used_up_by_a_deferral_too() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = |request: Request| {
        let (issuer, wallet) = (acme.issuer(), acme.wallet());
        async move { wallet.redeem(&issuer.offer(request).await).await }
    };
    let (first, second) = (offer(badge().deferred()).await, offer(badge().deferred()).await);
    let request = badge_request(&wallet.proofs(&Key::some(1), &wallet.nonce().await));
    Transaction::read(wallet.request(&first, &request).await);
    wallet.request(&second, &request).await.refused(400, "invalid_nonce");
    wallet.request(&offer(badge()).await, &request).await.refused(400, "invalid_nonce");
    let unproven = json!({ "credential_configuration_id": "employee-badge" });
    wallet.request(&second, &unproven).await.refused(400, "invalid_proof");
}

#[tokio::test]
async fn of_thirty_who_come_back_at_once_at_two_processes_one_gets_it() {
    let twins = twins();
    let (wallet, key) = (twins[0].wallet(), Arc::new(Key::p256()));
    for _ in 0..2 {
        let offer = twins[0].issuer().offer(badge().deferred()).await;
        let token = wallet.redeem_bound(&offer, &key).await;
        let transaction = wallet.wait_for_badge_bound(&token, &key).await;
        twins[0].issuer().complete(&offer.deferral(), &json!({})).await.granted();
        let answers = together((0..30).map(|turn| {
            let (wallet, token) = (twins[turn % 2].wallet(), token.clone());
            let (key, transaction) = (key.clone(), transaction.clone());
            async move { wallet.come_back_bound(&token, &key, &transaction).await }
        }))
        .await;
        let (got, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(got.len(), 1);
        for answer in refused {
            answer.refused(400, "invalid_transaction_id");
        }
        assert_eq!(twins[0].issuer().issued(&offer).await.len(), 1);
    }
}

#[tokio::test]
async fn one_process_is_asked_another_completes_a_third_time_it_is_fetched() {
    let twins = twins();
    let offer = twins[0].issuer().offer(badge().deferred().about_nobody()).await;
    let token = twins[1].wallet().redeem(&offer).await;
    let transaction = twins[0].wallet().wait_for_badge(&token).await;
    let decider = twins[0].issuer().key(&["issuance:offer"]).await;
    let decider = twins[1].holder_of(decider.secret());
    decider.complete(&offer.deferral(), &json!({ "subject": adas_subject() })).await.granted();
    let answer = twins[1].wallet().come_back(&token, &transaction).await.granted();
    twins[0].verifier().verify(&credentials(&answer)[0]).await;
}

#[tokio::test]
async fn of_two_who_ask_at_once_with_one_token_one_gets_a_transaction() {
    let acme = acme();
    let wallet = acme.wallet();
    let token = wallet.redeem(&acme.issuer().offer(badge().deferred()).await).await;
    let answers = together((0..10).map(|_| {
        let (wallet, token) = (wallet.clone(), token.clone());
        async move {
            let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
            wallet.request_badge(&token, &proofs).await
        }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 202) {
        answer.refused(400, "credential_request_denied");
    }
}

#[tokio::test]
async fn a_holder_consents_to_what_is_deferred() {
    let acme = acme();
    let (issuer, wallet, holder) = (acme.issuer(), acme.wallet(), acme.holder());
    for (offered, shows) in [(badge().deferred(), true), (badge().deferred().about_nobody(), false)] {
        let offer = issuer.offer(offered.with("grant", "authorization_code")).await;
        let asking = Asking::scope("employee-badge").with("issuer_state", &wallet.issuer_state(&offer).await);
        let page = holder.open(&wallet.pushed(&asking).await).await.is(200);
        assert_eq!(page.text().contains("Lovelace"), shows, "{page}");
        assert_eq!(page.text().contains("has yet to complete it"), !shows, "{page}");
        let code = holder.consent(&page).await.remove("code").unwrap();
        let token = Token::read(wallet.token(&asking.redemption(&code)).await);
        let proofs: Vec<String> = Key::some(1)
            .iter()
            .zip([wallet.nonce().await])
            .map(|(key, nonce)| wallet.proof(key, &nonce).claim("iss", "wallet").sign(key))
            .collect();
        let transaction = Transaction::read(wallet.request_badge(&token, &proofs).await);
        issuer.complete(&offer.deferral(), &json!({ "subject": adas_subject() })).await.granted();
        credentials(&wallet.come_back(&token, &transaction).await.granted());
    }
}

#[tokio::test]
async fn a_page_says_that_somebody_has_yet_to_decide() {
    let acme = acme();
    let (offer, _, _) = waiting(&acme).await;
    let page = Answer::to(acme.http.get(acme.here(&offer.page_url))).await.is(200);
    assert!(page.text().contains("being checked"), "{page}");
}

#[tokio::test]
async fn nothing_that_was_brought_is_read_from_the_answers() {
    let acme = acme();
    let (issuer, subject) = (acme.issuer(), adas_subject());
    let offer = issuer.offer(badge().deferred().about_nobody()).await;
    let answer = issuer.complete(&offer.deferral(), &json!({ "subject": subject })).await.granted();
    let members: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    let known = [
        "id",
        "offer",
        "configuration_id",
        "state",
        "subject_needed",
        "interval",
        "created_at",
        "decided_at",
        "expires_at",
    ];
    assert_eq!(members, known);
    assert!(!text(&answer["id"]).is_empty());
}
