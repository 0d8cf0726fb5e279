//! Two processes on one database: every race has one winner

use std::collections::BTreeSet;

use chancery_tests::jose::Key;
use chancery_tests::people::badge;
use chancery_tests::people::wallet::{GRANT, badge_request};
use chancery_tests::{Answer, House, together, twins};

/// How many answers have this status.
fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test]
async fn of_fifty_attempts_at_a_code_one_succeeds() {
    let twins = twins();
    let offer = twins[0].issuer().offer(badge()).await;
    let code = twins[0].wallet().code(&offer).await;
    let answers = together((0..50).map(|turn| {
        let (wallet, code) = (twins[turn % 2].wallet(), code.clone());
        async move { wallet.exchange(&code).await }
    }))
    .await;
    assert_eq!(count(&answers, 200), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn of_fifty_guesses_at_a_transaction_code_five_are_heard() {
    let twins = twins();
    let offer = twins[0].issuer().offer(badge().tx_code()).await;
    let code = twins[0].wallet().code(&offer).await;
    let right: u32 = offer.tx_code.clone().unwrap().parse().unwrap();
    let guess = |turn: usize, tx_code: String| {
        let (wallet, code) = (twins[turn % 2].wallet(), code.clone());
        async move {
            wallet
                .token(&[("grant_type", GRANT), ("pre-authorized_code", &code), ("tx_code", &tx_code)])
                .await
        }
    };
    let answers = together((0..50).map(|turn| {
        let wrong = (right + 1 + u32::try_from(turn).unwrap()) % 1_000_000;
        guess(turn, format!("{wrong:06}"))
    }))
    .await;
    let heard =
        answers.iter().filter(|answer| answer.text().contains("the transaction code is wrong")).count();
    assert_eq!(heard, 5, "the rest is refused unheard");
    for answer in answers {
        answer.refused(400, "invalid_grant");
    }
    for turn in 0..2 {
        guess(turn, format!("{right:06}")).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn the_right_transaction_code_among_many_wins_at_most_once() {
    let twins = twins();
    let offer = twins[0].issuer().offer(badge().tx_code()).await;
    let code = twins[0].wallet().code(&offer).await;
    let right = offer.tx_code.clone().unwrap();
    let answers = together((0..40).map(|turn| {
        let (wallet, code, right) = (twins[turn % 2].wallet(), code.clone(), right.clone());
        async move {
            wallet.token(&[("grant_type", GRANT), ("pre-authorized_code", &code), ("tx_code", &right)]).await
        }
    }))
    .await;
    assert_eq!(count(&answers, 200), 1);
    assert_eq!(count(&answers, 400), 39);
}

#[tokio::test]
async fn of_twenty_wallets_with_one_nonce_one_gets_its_credential() {
    let twins = twins();
    let nonce = twins[0].wallet().nonce().await;
    let mut ready = Vec::new();
    for turn in 0..20 {
        let wallet = twins[turn % 2].wallet();
        let token = wallet.redeem(&twins[0].issuer().offer(badge()).await).await;
        ready.push((wallet, token));
    }
    let answers = together(ready.into_iter().map(|(wallet, token)| {
        let nonce = nonce.clone();
        async move { wallet.request_badge(&token, &wallet.proofs(&Key::some(1), &nonce)).await }
    }))
    .await;
    assert_eq!(count(&answers, 200), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.refused(400, "invalid_nonce");
    }
}

#[tokio::test]
async fn of_twenty_requests_for_one_offer_one_is_granted() {
    let twins = twins();
    let offer = twins[0].issuer().offer(badge()).await;
    let token = twins[0].wallet().redeem(&offer).await;
    let mut ready = Vec::new();
    for turn in 0..20 {
        let wallet = twins[turn % 2].wallet();
        let proofs = wallet.proofs(&Key::some(2), &wallet.nonce().await);
        ready.push((wallet, token.clone(), proofs));
    }
    let answers = together(
        ready
            .into_iter()
            .map(|(wallet, token, proofs)| async move { wallet.request_badge(&token, &proofs).await }),
    )
    .await;
    assert_eq!(count(&answers, 200), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.refused(400, "credential_request_denied");
    }
    assert_eq!(twins[1].issuer().issued(&offer).await.len(), 2, "one credential, two copies");
}

#[tokio::test]
async fn of_twenty_requests_with_one_dpop_proof_one_is_granted() {
    let twins = twins();
    let key = Key::p256();
    let proof = twins[0].wallet().dpop(&key, "/token").await.sign(&key);
    let mut codes = Vec::new();
    for _ in 0..20 {
        codes.push(twins[0].wallet().code(&twins[0].issuer().offer(badge()).await).await);
    }
    let answers = together(codes.into_iter().enumerate().map(|(turn, code)| {
        let (wallet, proof) = (twins[turn % 2].wallet(), proof.clone());
        async move {
            let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
            Answer::to(wallet.token_request(&form).header("DPoP", proof)).await
        }
    }))
    .await;
    assert_eq!(count(&answers, 200), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.refused(400, "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn a_token_of_one_process_is_good_at_the_other() {
    let [one, two] = twins();
    let offer = one.issuer().offer(badge()).await;
    let key = Key::p256();
    let token = one.wallet().redeem_bound(&offer, &key).await;
    let wallet = two.wallet();
    let nonce = one.wallet().nonce().await;
    let proof = one.wallet().dpop_with(&key, &token).await.sign(&key);
    let body = badge_request(&wallet.proofs(&Key::some(1), &nonce));
    wallet.request_bound(&token, &proof, &body).await.granted();
}

#[tokio::test]
async fn no_status_index_is_given_out_twice() {
    let twins = twins();
    let claims = together((0..32).map(|turn| {
        let acme = twins[turn % 2].clone();
        async move {
            let offer = acme.issuer().offer(badge()).await;
            acme.wallet().claim_copies(&offer, 20).await
        }
    }))
    .await;
    let jwks = twins[0].verifier().keys().await;
    let entries: Vec<String> = claims
        .concat()
        .iter()
        .map(|copy| chancery_tests::sd_jwt::verify(copy, &jwks).payload["status"]["status_list"].to_string())
        .collect();
    let distinct: BTreeSet<&String> = entries.iter().collect();
    assert_eq!(distinct.len(), 640, "revoking one would revoke another");
}

#[tokio::test]
async fn a_replica_with_another_key_does_not_start_and_disturbs_nobody() {
    let house = House::start();
    let acme = house.acme();
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;

    let refused = house.twin_command(&[("ISSUER_MASTER_KEY", &"17".repeat(32))]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("ISSUER_MASTER_KEY"), "{said}");

    // More at once than there are connections: new ones must be let in as before.
    let states = together((0..60).map(|_| {
        let acme = acme.clone();
        async move { Answer::to(acme.issuer().request(reqwest::Method::GET, "/offers")).await.status }
    }))
    .await;
    assert_eq!(states.iter().filter(|status| **status == 200).count(), 60, "{states:?}");
    drop(house.twin());
}
