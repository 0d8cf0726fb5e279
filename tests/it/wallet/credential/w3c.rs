//! Credentials as `jwt_vc_json` and `vc+jwt` (OpenID4VCI Appendix A.1, VC-JOSE-COSE, Bitstring Status List)

use std::io::Read as _;
use std::time::Duration;

use chancery_tests::answer::text;
use chancery_tests::jose::{self, Key, base64url, unbase64url};
use chancery_tests::people::wallet::{credentials, request_for};
use chancery_tests::people::{Offer, Request, diploma};
use chancery_tests::{Acme, Answer, acme};
use serde_json::{Value, json};

const VCDM_1: &str = "university-diploma.jwt_vc_json";
const VCDM_2: &str = "university-diploma.vc_jwt";

fn diploma_as(configuration_id: &str) -> Request {
    let mut request = diploma();
    request.0["credentials"][0]["configuration_id"] = configuration_id.into();
    request
}

async fn claim(acme: &Acme, configuration_id: &str, keys: &[Key]) -> (Offer, Vec<String>) {
    let (wallet, offer) = (acme.wallet(), acme.issuer().offer(diploma_as(configuration_id)).await);
    let token = wallet.redeem(&offer).await;
    let proofs = wallet.proofs(keys, &wallet.nonce().await);
    let answer = wallet.request(&token, &request_for(configuration_id, &proofs)).await.granted();
    (offer, credentials(&answer))
}

/// The DID document and the keys in it, by the names that a `kid` has.
async fn did_keys(acme: &Acme) -> (String, Value) {
    let document = Answer::to(acme.http.get(acme.at("/.well-known/did.json"))).await.is(200).json();
    let methods = document["verificationMethod"].as_array().unwrap();
    let keys = methods.iter().map(|method| {
        let mut key = method["publicKeyJwk"].clone();
        key["kid"] = method["id"].clone();
        assert!(document["assertionMethod"].as_array().unwrap().contains(&method["id"]));
        key
    });
    (text(&document["id"]), json!({ "keys": keys.collect::<Vec<_>>() }))
}

fn did_jwk(key: &Key) -> String {
    format!("did:jwk:{}", base64url(key.jwk().to_string()))
}

/// Whether the bit of an entry is set, in the list that it names.
async fn is_set(acme: &Acme, entry: &Value) -> bool {
    let uri = text(&entry["statusListCredential"]);
    let answer = Answer::to(acme.http.get(acme.here(&uri))).await.is(200);
    assert_eq!(answer.header("content-type"), Some("application/vc+jwt"));
    let (did, keys) = did_keys(acme).await;
    let (header, list) = jose::verify(answer.text(), &keys);
    assert_eq!((&header["typ"], &header["cty"]), (&json!("vc+jwt"), &json!("vc")));
    assert_eq!((&list["id"], &list["issuer"]), (&json!(uri), &json!(did)));
    assert_eq!(list["type"], json!(["VerifiableCredential", "BitstringStatusListCredential"]));
    let subject = &list["credentialSubject"];
    assert_eq!(subject["type"], "BitstringStatusList");
    assert_eq!(subject["statusPurpose"], entry["statusPurpose"]);
    let encoded = text(&subject["encodedList"]);
    let compressed = unbase64url(encoded.strip_prefix('u').unwrap());
    let mut bits = Vec::new();
    flate2::read::GzDecoder::new(compressed.as_slice()).read_to_end(&mut bits).unwrap();
    assert_eq!(bits.len() * 8, 1 << 20, "the length tells nobody how much was issued");
    let index: usize = text(&entry["statusListIndex"]).parse().unwrap();
    bits[index / 8] & (0x80 >> (index % 8)) != 0
}

async fn becomes(acme: &Acme, entries: &[Value], expected: [bool; 2]) {
    let started = tokio::time::Instant::now();
    while [is_set(acme, &entries[0]).await, is_set(acme, &entries[1]).await] != expected {
        assert!(started.elapsed() < Duration::from_secs(3), "the lists do not say {expected:?} in time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_diploma_is_a_credential_of_the_first_data_model() {
    let acme = acme();
    let key = Key::p256();
    let (_, issued) = claim(&acme, VCDM_1, std::slice::from_ref(&key)).await;
    let (did, keys) = did_keys(&acme).await;
    let (header, claims) = jose::verify(&issued[0], &keys);
    assert_eq!(header["typ"], "JWT");
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(did), &json!(did_jwk(&key))));
    assert_eq!(claims["cnf"]["jwk"], key.jwk());
    for time in ["iat", "nbf", "exp"] {
        assert_eq!(claims[time].as_i64().unwrap() % 3600, 0, "rounded, so that copies are not linked");
    }
    let vc = &claims["vc"];
    assert_eq!(vc["@context"][0], "https://www.w3.org/2018/credentials/v1");
    assert_eq!(vc["type"], json!(["VerifiableCredential", "UniversityDiploma"]));
    let subject = &vc["credentialSubject"];
    assert_eq!((&subject["id"], &subject["degree"]), (&json!(did_jwk(&key)), &json!("Analyst")));
}

#[tokio::test]
async fn a_diploma_is_a_credential_of_the_second_data_model() {
    let acme = acme();
    let key = Key::p256();
    let (_, issued) = claim(&acme, VCDM_2, std::slice::from_ref(&key)).await;
    let (did, keys) = did_keys(&acme).await;
    let (header, vc) = jose::verify(&issued[0], &keys);
    assert_eq!((&header["typ"], &header["cty"]), (&json!("vc+jwt"), &json!("vc")));
    assert!(vc.get("vc").is_none(), "the payload is the credential");
    assert_eq!(vc["@context"][0], "https://www.w3.org/ns/credentials/v2");
    assert_eq!(vc["issuer"], did);
    assert_eq!(vc["credentialSubject"]["given_name"], "Ada");
    for time in ["validFrom", "validUntil"] {
        assert!(text(&vc[time]).ends_with(":00:00Z"), "rounded, so that copies are not linked");
    }
}

#[tokio::test]
async fn a_status_is_in_one_place_of_a_list_for_each_purpose() {
    let acme = acme();
    for (configuration_id, at) in [(VCDM_1, "/vc/credentialStatus"), (VCDM_2, "/credentialStatus")] {
        let (offer, issued) = claim(&acme, configuration_id, &Key::some(1)).await;
        let (_, claims) = jose::verify(&issued[0], &did_keys(&acme).await.1);
        let entries = claims.pointer(at).unwrap().as_array().unwrap().clone();
        let purposes: Vec<_> = entries.iter().map(|entry| text(&entry["statusPurpose"])).collect();
        assert_eq!(purposes, ["revocation", "suspension"]);
        assert_eq!(entries[0]["statusListIndex"], entries[1]["statusListIndex"]);
        assert!(entries[0]["statusListIndex"].is_string());
        becomes(&acme, &entries, [false, false]).await;
        let id = acme.issuer().issued(&offer).await.remove(0);
        for (change, expected) in
            [("suspend", [false, true]), ("reinstate", [false, false]), ("revoke", [true, false])]
        {
            acme.issuer().change(&id, change).await.is(200);
            becomes(&acme, &entries, expected).await;
        }
    }
    for nowhere in ["/status-lists/0/refresh", "/status-lists/00/revocation", "/status-lists/999/revocation"]
    {
        acme.stranger().get(nowhere).await.is(404);
    }
}

#[tokio::test]
async fn copies_share_nothing_but_what_they_say() {
    let acme = acme();
    let (_, issued) = claim(&acme, VCDM_2, &Key::some(3)).await;
    let keys = did_keys(&acme).await.1;
    let mut places = Vec::new();
    let mut rest = Vec::new();
    for credential in &issued {
        let (_, mut vc) = jose::verify(credential, &keys);
        places.push(text(&vc["credentialStatus"][0]["statusListIndex"]));
        for own in ["cnf", "credentialStatus"] {
            vc[own].take();
        }
        vc["credentialSubject"]["id"].take();
        rest.push(vc);
    }
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 3);
    assert!(rest.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn metadata_tells_of_every_format_of_one_template() {
    let acme = acme();
    let metadata = acme.stranger().get("/.well-known/openid-credential-issuer").await.is(200).json();
    let configurations = &metadata["credential_configurations_supported"];
    for (id, format, with_context) in [(VCDM_1, "jwt_vc_json", false), (VCDM_2, "vc+jwt", true)] {
        let configuration = &configurations[id];
        assert_eq!((&configuration["format"], &configuration["scope"]), (&json!(format), &json!(id)));
        let definition = &configuration["credential_definition"];
        assert_eq!(definition["type"], json!(["VerifiableCredential", "UniversityDiploma"]));
        assert_eq!(definition.get("@context").is_some(), with_context);
        assert_eq!(configuration["credential_signing_alg_values_supported"], json!(["ES256"]));
        let claims = configuration["credential_metadata"]["claims"].as_array().unwrap();
        assert_eq!(claims[0]["path"], json!(["credentialSubject", "given_name"]));
        assert!(configuration.get("vct").is_none() && configuration.get("doctype").is_none());
    }
    // A template that declares no such form has none.
    assert!(configurations.get("employee-badge.vc_jwt").is_none());
    let answer = acme.issuer().create(&diploma_as("employee-badge.vc_jwt")).await;
    assert_eq!(answer.wrong_parts(), ["/credentials/0/configuration_id"]);
}
