//! Encrypted requests and answers (OpenID4VCI §9.1, §10)

use chancery_tests::jose::Key;
use chancery_tests::people::wallet::{badge_request, credentials};
use chancery_tests::people::{Token, Transaction, Wallet, badge};
use chancery_tests::{Answer, acme, platform};
use reqwest::Method;
use serde_json::{Value, json};

use super::super::credential::encrypted::{advertised, opened, own_key, sealed};

async fn send(wallet: &Wallet, path: &str, token: &Token, jwe: &str) -> Answer {
    let request = wallet.post(path).bearer_auth(&token.text).header("content-type", "application/jwt");
    Answer::to(request.body(jwe.to_owned())).await
}

fn transaction_of(content: &Value) -> Transaction {
    let interval = content["interval"].as_u64().unwrap();
    Transaction { id: content["transaction_id"].as_str().unwrap().to_owned(), interval }
}

#[tokio::test]
async fn each_request_says_how_its_own_answer_is_encrypted() {
    let acme = acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let jwk = advertised(&acme, "request").await["jwks"]["keys"][0].clone();
    let offer = issuer.offer(badge().deferred()).await;
    let token = wallet.redeem(&offer).await;

    let (first, public) = own_key();
    let mut request = badge_request(&wallet.proofs(&Key::some(1), &wallet.nonce().await));
    request["credential_response_encryption"] = json!({ "jwk": public, "enc": "A128GCM" });
    let answer =
        send(&wallet, "/credential", &token, &sealed(&jwk, "A128GCM", false, &request)).await.is(202);
    let transaction = transaction_of(&opened(&first, &answer)["content"]);

    // Asked in the open, answered in the open; asked otherwise, answered otherwise.
    let plain = Transaction::read(wallet.come_back(&token, &transaction).await);
    assert_eq!(plain.id, transaction.id);
    let (second, public) = own_key();
    let encryption = json!({ "jwk": public, "enc": "A256GCM", "zip": "DEF" });
    let request = json!({ "transaction_id": transaction.id, "credential_response_encryption": encryption });
    let request = sealed(&jwk, "A256GCM", true, &request);
    let answer = send(&wallet, "/deferred-credential", &token, &request).await.is(202);
    assert_eq!(transaction_of(&opened(&second, &answer)["content"]).id, transaction.id);
    issuer.complete(&offer.deferral(), &json!({})).await.granted();
    let answer = send(&wallet, "/deferred-credential", &token, &request).await.is(200);
    let opened = opened(&second, &answer);
    assert_eq!((&opened["header"]["enc"], &opened["header"]["zip"]), (&json!("A256GCM"), &json!("DEF")));
    acme.verifier().verify(&credentials(&opened["content"])[0]).await;
    // Errors never are (§8.3.1).
    let again = send(&wallet, "/deferred-credential", &token, &request).await;
    again.refused(400, "invalid_transaction_id");
}

#[tokio::test]
async fn an_issuer_that_insists_does_so_when_the_wallet_comes_back() {
    let acme = platform().newcomer().await;
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let offer = issuer.offer(badge().deferred()).await;
    let token = wallet.redeem(&offer).await;
    let transaction = wallet.wait_for_badge(&token).await;
    issuer.complete(&offer.deferral(), &json!({})).await.granted();
    let choose = issuer.request(Method::PATCH, "/configuration").header("if-match", "*");
    Answer::to(choose.json(&json!({ "encryption_required": true }))).await.is(200);
    wallet.come_back(&token, &transaction).await.refused(400, "invalid_encryption_parameters");
    let jwk = advertised(&acme, "request").await["jwks"]["keys"][0].clone();
    let (private, public) = own_key();
    let encryption = json!({ "jwk": public, "enc": "A128GCM" });
    let request = json!({ "transaction_id": transaction.id, "credential_response_encryption": encryption });
    let request = sealed(&jwk, "A128GCM", false, &request);
    let answer = send(&wallet, "/deferred-credential", &token, &request).await.is(200);
    credentials(&opened(&private, &answer)["content"]);
}
