//! `POST /credential`

use chancery_tests::acme;
use chancery_tests::people::badge;

#[tokio::test]
async fn an_offer_becomes_a_credential() {
    let acme = acme();
    let offer = acme.issuer().offer(badge()).await;
    let credential = acme.wallet().claim(&offer).await;
    let credential = acme.verifier().verify(&credential).await;
    assert_eq!(credential.claims["family_name"], "Lovelace");
    assert_eq!(acme.verifier().status(&credential).await, 0);
}
