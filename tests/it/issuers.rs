//! Two issuers: what one of them gave is worth nothing at the other

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::badge;
use chancery_tests::people::wallet::{GRANT, badge_request};
use chancery_tests::{Answer, House, acme};
use serde_json::json;

#[tokio::test]
async fn nothing_of_one_issuer_is_worth_anything_at_another() {
    let ours = acme();
    let house = House::start();
    let theirs = house.acme();
    let (wallet, their_wallet) = (ours.wallet(), theirs.wallet());

    // Whoever manages there is a stranger here.
    let intruder = ours.holder_of(&theirs.key);
    let offer = ours.issuer().offer(badge()).await;
    intruder.get("/offers").await.problem(401, "unauthenticated");
    intruder.get(&format!("/offers/{}", offer.id)).await.problem(401, "unauthenticated");

    // Their ids are as unknown here as any.
    let their_offer = theirs.issuer().offer(badge()).await;
    ours.issuer().get(&format!("/offers/{}", their_offer.id)).await.problem(404, "not-found");
    ours.stranger().get(&format!("/offers/{}", their_offer.secret())).await.refused(404, "invalid_request");
    let their_code = their_wallet.code(&their_offer).await;
    wallet.exchange(&their_code).await.refused(400, "invalid_grant");

    // Their nonces.
    let token = wallet.redeem(&offer).await;
    let their_nonce = their_wallet.nonce().await;
    let keys = Key::some(1);
    let proofs = wallet.proofs(&keys, &their_nonce);
    wallet.request_badge(&token, &proofs).await.refused(400, "invalid_nonce");
    let nonce = wallet.nonce().await;
    let for_them = their_wallet.proof(&keys[0], &nonce).sign(&keys[0]);
    wallet.request_badge(&token, &[for_them]).await.refused(400, "invalid_proof");

    // Their tokens, bound and unbound, and their proofs of possession.
    let proofs = wallet.proofs(&keys, &nonce);
    let their_token = their_wallet.redeem(&their_offer).await;
    wallet.request_badge(&their_token, &proofs).await.challenged(401, "Bearer", "invalid_token");
    let key = Key::p256();
    let bound_there = their_wallet.redeem_bound(&theirs.issuer().offer(badge()).await, &key).await;
    let proof = wallet.dpop_with(&key, &bound_there).await.sign(&key);
    let answer = wallet.request_bound(&bound_there, &proof, &badge_request(&proofs)).await;
    answer.challenged(401, "DPoP", "invalid_token");
    let code = wallet.code(&ours.issuer().offer(badge()).await).await;
    let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
    let their_proof = their_wallet.dpop(&key, "/token").await;
    let url = format!("{}/token", ours.identifier);
    let ask = |proof: String| Answer::to(wallet.token_request(&form).header("DPoP", proof));
    ask(their_proof.sign(&key)).await.refused(400, "invalid_dpop_proof");
    ask(their_proof.claim("htu", url).sign(&key)).await.refused(400, "use_dpop_nonce");

    // Their notification ids.
    let issued = wallet.request_badge(&token, &proofs).await.granted();
    let their_proofs = their_wallet.proofs(&Key::some(1), &their_nonce);
    let issued_there = their_wallet.request_badge(&their_token, &their_proofs).await.granted();
    let id = text(&issued_there["notification_id"]);
    let report = json!({ "notification_id": id, "event": "credential_failure" });
    let report = wallet.post("/notification").bearer_auth(&token.text).json(&report);
    Answer::to(report).await.refused(400, "invalid_notification_id");

    // Their credentials do not verify under our keys.
    let there = text(&issued_there["credentials"][0]["credential"]);
    let here = text(&issued["credentials"][0]["credential"]);
    let (ours_signed, theirs_signed) =
        (ours.verifier().verify(&here).await.header, theirs.verifier().verify(&there).await.header);
    assert_ne!(ours_signed["kid"], theirs_signed["kid"]);
    let id = theirs.issuer().issued(&their_offer).await.remove(0);
    ours.issuer().change(&id, "revoke").await.problem(404, "not-found");
}
