//! Credentials as `mso_mdoc` (ISO/IEC 18013-5, OpenID4VCI Appendix A.2)

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::mdoc::{self, member};
use chancery_tests::people::wallet::{Asking, credentials, request_for};
use chancery_tests::people::{Token, badge, person};
use chancery_tests::{Acme, acme};
use ciborium::Value as Cbor;
use serde_json::json;

const PID: &str = "person-identification-data.mso_mdoc";
const NAMESPACE: &str = "eu.europa.ec.eudi.pid.1";

async fn claim(acme: &Acme, keys: &[Key]) -> Vec<String> {
    let (wallet, offer) = (acme.wallet(), acme.issuer().offer(person(PID)).await);
    let token = wallet.redeem(&offer).await;
    let proofs = wallet.proofs(keys, &wallet.nonce().await);
    credentials(&wallet.request(&token, &request_for(PID, &proofs)).await.granted())
}

#[tokio::test]
async fn a_pid_is_issued_as_mdoc_bound_to_the_proven_key() {
    let acme = acme();
    let key = Key::p256();
    let credential = claim(&acme, std::slice::from_ref(&key)).await.remove(0);
    let mdoc = mdoc::verify(&credential, &acme.verifier().keys().await);
    assert_eq!(member(&mdoc.object, "docType").as_text(), Some(NAMESPACE));
    assert_eq!(member(&mdoc.object, "version").as_text(), Some("1.0"));
    assert_eq!(member(&mdoc.object, "digestAlgorithm").as_text(), Some("SHA-256"));
    let pid = &mdoc.elements[NAMESPACE];
    assert_eq!(pid["family_name"], "Mustermann".into());
    assert_eq!(pid["birth_date"], Cbor::Tag(1004, Box::new("1964-08-12".into())), "RFC 8943");
    assert_eq!(pid["nationality"], Cbor::Array(vec!["DE".into()]));
    assert_eq!(pid["sex"], 2.into());
    assert_eq!(pid["age_over_18"], true.into());
    assert!(pid["portrait"].as_bytes().unwrap().starts_with(&[0xff, 0xd8, 0xff]));
    assert_eq!(member(&pid["place_of_birth"], "locality").as_text(), Some("Berlin"));
    assert!(!pid.contains_key("email_address") && mdoc.digests > pid.len(), "what is absent leaves a digest");

    let device_key = member(member(&mdoc.object, "deviceKeyInfo"), "deviceKey").as_map().unwrap();
    let x = device_key.iter().find(|(label, _)| *label == Cbor::from(-2)).unwrap();
    assert_eq!(chancery_tests::jose::base64url(x.1.as_bytes().unwrap()), text(&key.jwk()["x"]));

    let validity = member(&mdoc.object, "validityInfo");
    let moment = |name: &str| {
        let Cbor::Tag(0, moment) = member(validity, name) else { panic!("a tdate, not {validity:?}") };
        moment.as_text().unwrap().to_owned()
    };
    assert!(moment("signed").ends_with(":00:00Z"), "rounded, so that copies are not linked");
    assert!(moment("signed") <= moment("validFrom") && moment("validFrom") < moment("validUntil"));
    let status = member(member(&mdoc.object, "status"), "status_list");
    let uri = member(status, "uri").as_text().unwrap();
    assert!(uri.starts_with(&acme.identifier), "{uri}");
}

#[tokio::test]
async fn copies_of_an_mdoc_share_nothing_but_what_they_say() {
    let acme = acme();
    let keys = acme.verifier().keys().await;
    let copies = claim(&acme, &Key::some(3)).await;
    let mut salts = Vec::new();
    let mut indices = Vec::new();
    let mut said = Vec::new();
    for copy in &copies {
        let mdoc = mdoc::verify(copy, &keys);
        salts.extend(mdoc.salts.clone());
        let list = member(member(&mdoc.object, "status"), "status_list");
        indices.push(format!("{:?}", member(list, "idx")));
        said.push(mdoc.elements);
    }
    assert!(said.iter().all(|elements| *elements == said[0]));
    let count = salts.len();
    salts.sort();
    salts.dedup();
    assert_eq!(salts.len(), count, "a fresh salt for every element");
    assert!(salts.iter().all(|salt| salt.len() >= 16));
    indices.sort();
    indices.dedup();
    assert_eq!(indices.len(), 3, "a status of its own for every copy");
}

#[tokio::test]
async fn metadata_tells_of_both_formats_of_one_template() {
    let acme = acme();
    let metadata = acme.stranger().get("/.well-known/openid-credential-issuer").await.is(200).json();
    let described = &metadata["credential_configurations_supported"];
    assert_eq!(described["person-identification-data"]["format"], "dc+sd-jwt");
    let pid = &described[PID];
    assert_eq!((&pid["format"], &pid["doctype"]), (&json!("mso_mdoc"), &json!(NAMESPACE)));
    assert!(pid.get("vct").is_none());
    assert_eq!(pid["scope"], PID);
    assert_eq!(pid["credential_signing_alg_values_supported"], json!([-7]), "numbers of COSE");
    assert_eq!(pid["cryptographic_binding_methods_supported"], json!(["cose_key"]));
    for claim in pid["credential_metadata"]["claims"].as_array().unwrap() {
        let path = claim["path"].as_array().unwrap();
        assert!(path.len() == 2 && path[0] == NAMESPACE, "{claim}");
    }
    for without in ["employee-badge", "university-diploma"] {
        assert!(described.get(format!("{without}.mso_mdoc")).is_none(), "its author declares no such form");
    }
}

#[tokio::test]
async fn a_format_that_a_template_has_not_is_an_unknown_configuration() {
    let acme = acme();
    let mut request = badge();
    request.0["credentials"][0]["configuration_id"] = "employee-badge.mso_mdoc".into();
    let wrong = acme.issuer().create(&request).await.wrong_parts();
    assert_eq!(wrong, ["/credentials/0/configuration_id"]);
    let token = acme.wallet().redeem(&acme.issuer().offer(badge()).await).await;
    for unknown in ["employee-badge.mso_mdoc", "employee-badge.mso_mdoc.mso_mdoc", ".mso_mdoc"] {
        let answer = acme.wallet().request(&token, &request_for(unknown, &[])).await;
        answer.refused(400, "unknown_credential_configuration");
    }
}

#[tokio::test]
async fn one_offer_holds_both_formats_and_each_is_issued_once() {
    let acme = acme();
    let (wallet, issuer) = (acme.wallet(), acme.issuer());
    let offer = issuer.offer(person(PID).and(&person("person-identification-data"))).await;
    let token = wallet.redeem(&offer).await;
    for id in [PID, "person-identification-data"] {
        let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
        wallet.request(&token, &request_for(id, &proofs)).await.granted();
    }
    assert_eq!(issuer.issued(&offer).await.len(), 2);
    let credential = issuer.issued(&offer).await.remove(0);
    issuer.change(&credential, "revoke").await.is(200);
}

#[tokio::test]
async fn a_holder_consents_to_an_mdoc() {
    let acme = acme();
    let wallet = acme.wallet();
    let offer = acme.issuer().offer(person(PID).with("grant", "authorization_code")).await;
    let (asking, code) = wallet.consented(&offer, &Asking::scope(PID)).await;
    let token = Token::read(wallet.token(&asking.redemption(&code)).await);
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let answer = wallet.request(&token, &request_for(PID, &proofs)).await.granted();
    let mdoc = mdoc::verify(&credentials(&answer)[0], &acme.verifier().keys().await);
    assert_eq!(mdoc.elements[NAMESPACE]["given_name"], "Erika".into());
}
