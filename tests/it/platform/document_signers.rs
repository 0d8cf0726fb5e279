//! Issuers of mobile documents: certificates as ISO/IEC 18013-5 Annex B wants them, read by Python's cryptography. What
//! Spruce's library says of them is in `strangers`

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::person;
use chancery_tests::people::wallet::{credentials, request_for};
use chancery_tests::{Acme, platform};
use serde_json::{Value, json};

use super::certificates::{certified, keep, signing_key, x5c};
use crate::strangers::python_says;

const PID: &str = "person-identification-data.mso_mdoc";
const DOCUMENT_SIGNER: &str = "1.0.18013.5.1.2";

/// A tenant that is its own authority, somewhere.
pub(crate) async fn in_country(country: &str) -> Acme {
    let tenant = platform().newcomer().await;
    tenant.choose(&json!({ "certificate_authority": "own", "certificate_country": country })).await.is(200);
    tenant
}

pub(crate) async fn mdoc(tenant: &Acme) -> String {
    let wallet = tenant.wallet();
    let token = wallet.redeem(&tenant.issuer().offer(person(PID)).await).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    credentials(&wallet.request(&token, &request_for(PID, &proofs)).await.granted()).remove(0)
}

pub(crate) async fn authority(tenant: &Acme) -> String {
    tenant.stranger().get("/authority.pem").await.is(200).text().to_owned()
}

/// What Python reads in the list of that authority about this certificate.
async fn withdrawn(tenant: &Acme, x5c: &Value, anchor: &str) -> Value {
    let list = tenant.stranger().get("/authority.crl").await.is(200);
    assert_eq!(list.header("content-type"), Some("application/pkix-crl"));
    assert!(list.header("cache-control").is_some_and(|control| control.contains("max-age")));
    let asked = json!({ "x5c": x5c, "anchor": anchor, "crl": STANDARD.encode(&list.body) });
    python_says("authority.py", &json!({ "withdrawn": asked }))
}

#[tokio::test]
async fn the_list_that_certificates_point_to_names_a_key_that_was_given_up() {
    let tenant = in_country("AT").await;
    let (anchor, before) = (authority(&tenant).await, x5c(&tenant).await);
    let read = withdrawn(&tenant, &before, &anchor).await;
    let place = format!("{}/authority.crl", tenant.identifier);
    assert_eq!(read["places"], json!([place, place]));
    assert_eq!((&read["purposes"], &read["country"]), (&json!([DOCUMENT_SIGNER]), &json!(["AT"])));
    assert_eq!(read["listed"], false);

    // A key that was replaced in good order is good as long as what it signed.
    tenant.issuer().post("/keys/rotate", &json!({ "activate_in": 0 })).await.is(200);
    let between = x5c(&tenant).await;
    assert_eq!(withdrawn(&tenant, &before, &anchor).await["listed"], false);
    tenant.issuer().post("/keys/rotate", &json!({ "compromised": true })).await.is(200);
    let after = x5c(&tenant).await;
    for (one, listed) in [(&before, false), (&between, true), (&after, false)] {
        assert_eq!(withdrawn(&tenant, one, &anchor).await["listed"], listed);
    }
}

#[tokio::test]
async fn who_moves_to_another_country_has_another_authority() {
    let tenant = in_country("AT").await;
    let anchor = authority(&tenant).await;
    tenant.choose(&json!({ "certificate_country": "DE" })).await.is(200);
    let moved = authority(&tenant).await;
    assert_ne!(moved, anchor);
    assert_eq!(authority(&tenant).await, moved, "it stays");
    let read = withdrawn(&tenant, &x5c(&tenant).await, &moved).await;
    assert_eq!((&read["country"], &read["listed"]), (&json!(["DE"]), &json!(false)));
    for wrong in ["at", "AUT", "A", "Ö"] {
        let told = tenant.choose(&json!({ "certificate_country": wrong })).await;
        assert_eq!(told.wrong_parts(), ["/certificate_country"], "{wrong}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_for_something_else_is_none_for_who_issues_documents() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let kid = signing_key(&issuer).await;
    let tls = json!(["1.3.6.1.5.5.7.3.1"]);
    let for_tls = certified(&issuer, &kid, &json!({ "ends_in": 86_400, "purposes": tls })).await;
    let refused = keep(&issuer, &kid, &for_tls["chain"]).await.problem(422, "invalid");
    assert_eq!(refused["errors"][0]["code"], "usage", "{refused}");
    assert!(text(&refused["errors"][0]["message"]).contains(DOCUMENT_SIGNER));
    // What the request asks for, and what says nothing, is good.
    for how in [json!({ "ends_in": 86_400 }), json!({ "ends_in": 86_400, "purposes": [] })] {
        let made = certified(&issuer, &kid, &how).await;
        keep(&issuer, &kid, &made["chain"]).await.is(200);
        mdoc(&tenant).await;
    }
}
