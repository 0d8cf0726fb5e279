//! The whole claim against an issuer in this process: what it takes, and all that it must refuse.

mod issuer;

use chancery_credential::x509::Anchors;
use chancery_domain::CredentialStatus;
use chancery_protocol::notification::NotificationEvent;
use serde_json::{Value, json};

use super::*;
use issuer::{Behaviour, Mock, Place, Spoil};

async fn claim(behaviour: Behaviour, settings: Settings, count: u16) -> Result<Vec<Claimed>, ClaimError> {
    let mock = Mock::start(behaviour).await;
    Wallet::new(settings).unwrap().claim(&mock.link(), None, count).await
}

fn spoiled(place: Place, spoil: Spoil) -> Behaviour {
    Behaviour { spoil: Some((place, spoil)), ..Behaviour::default() }
}

#[tokio::test]
async fn a_claim_brings_verified_credentials_and_tells_the_issuer() {
    let mock = Mock::start(Behaviour::default()).await;
    let claimed = Wallet::new(Settings::default()).unwrap().claim(&mock.link(), None, 3).await.unwrap();
    let [claimed] = claimed.as_slice() else { panic!("one configuration was offered") };
    assert_eq!(claimed.configuration_id, "badge");
    assert_eq!(claimed.credentials.len(), 3);
    assert_eq!(claimed.notification, Some(NotificationEvent::CredentialAccepted));
    for held in &claimed.credentials {
        assert_eq!(held.claims["given_name"], "Ada");
        assert_eq!(held.status, CredentialStatus::Valid);
        assert_eq!(held.key_found_by, [KeySource::Certificate, KeySource::JwtVcIssuer, KeySource::Did]);
        assert_eq!(held.claims["cnf"]["jwk"], json!(held.holder.public_jwk()));
    }
    assert_eq!(mock.notified.lock().unwrap()[0]["event"], "credential_accepted");
}

#[tokio::test]
async fn claims_come_in_the_order_of_the_metadata() {
    let claimed = claim(Behaviour::default(), Settings::default(), 1).await.unwrap();
    let names: Vec<_> = claimed[0].credentials[0].claims.keys().rev().take(2).collect();
    assert_eq!(names, ["department", "given_name"]);
}

#[tokio::test]
async fn every_way_to_a_token_is_walked() {
    for (dpop, identifiers, authorization_details) in
        [(true, false, false), (false, false, false), (true, true, false), (false, false, true)]
    {
        let behaviour = Behaviour { dpop, identifiers, ..Behaviour::default() };
        let settings = Settings { authorization_details, ..Settings::default() };
        claim(behaviour, settings, 1).await.unwrap();
    }
}

#[tokio::test]
async fn an_offer_by_value_needs_no_fetching() {
    let mock = Mock::start(Behaviour::default()).await;
    let link = parse_link(&OfferLink::ByValue(mock.offer()).to_uri()).unwrap();
    Wallet::new(Settings::default()).unwrap().claim(&link, None, 1).await.unwrap();
}

#[tokio::test]
async fn a_transaction_code_is_asked_for_before_the_code_is_spent() {
    let mock = Mock::start(Behaviour { tx_code: Some("123456"), ..Behaviour::default() }).await;
    let wallet = Wallet::new(Settings::default()).unwrap();
    let error = wallet.claim(&mock.link(), None, 1).await.unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("6 characters"), "{error}");
    let error = wallet.claim(&mock.link(), Some("654321"), 1).await.unwrap_err();
    assert_eq!((error.step, error.refusal_code()), (Step::Token, Some("invalid_grant")));
    wallet.claim(&mock.link(), Some("123456"), 1).await.unwrap();
}

#[tokio::test]
async fn a_stale_nonce_is_fetched_anew_once() {
    let behaviour = |stale_nonces| Behaviour { stale_nonces, ..Behaviour::default() };
    claim(behaviour(1), Settings::default(), 1).await.unwrap();
    let error = claim(behaviour(2), Settings::default(), 1).await.unwrap_err();
    assert_eq!((error.step, error.refusal_code()), (Step::Credential, Some("invalid_nonce")));
}

#[tokio::test]
async fn a_trusted_authority_must_vouch_for_the_key() {
    let mock = Mock::start(Behaviour::default()).await;
    let trusting = |mock: &Mock| Settings {
        anchors: Anchors::from_pem(mock.ca.certificate_pem()).unwrap(),
        ..Settings::default()
    };
    Wallet::new(trusting(&mock)).unwrap().claim(&mock.link(), None, 1).await.unwrap();
    let other = Mock::start(Behaviour::default()).await;
    let error = Wallet::new(trusting(&other)).unwrap().claim(&mock.link(), None, 1).await.unwrap_err();
    assert_eq!(error.step, Step::IssuerKey);
}

#[tokio::test]
async fn the_status_is_that_of_the_list() {
    for status in [CredentialStatus::Revoked, CredentialStatus::Suspended] {
        let claimed =
            claim(Behaviour { status, ..Behaviour::default() }, Settings::default(), 1).await.unwrap();
        assert_eq!(claimed[0].credentials[0].status, status);
    }
}

#[tokio::test]
async fn caches_must_be_forbidden_to_keep_tokens() {
    let error = claim(Behaviour { no_store: false, ..Behaviour::default() }, Settings::default(), 1)
        .await
        .unwrap_err();
    assert_eq!(error.step, Step::Token);
    assert!(error.to_string().contains("no-store"), "{error}");
}

#[tokio::test]
async fn an_issuer_that_is_not_there_is_unreachable() {
    let mock = Mock::start(Behaviour::default()).await;
    let mut offer = mock.offer();
    offer.credential_issuer = "http://localhost:9".into();
    let error = Wallet::new(Settings::default())
        .unwrap()
        .claim_offer(&offer, &SignIn::default(), 1)
        .await
        .unwrap_err();
    assert!(error.is_unreachable());
    assert_eq!(error.step, Step::IssuerMetadata);
}

/// What a spoiled issuer must fail at, and a word of the reason.
type Case = (Place, Spoil, Step, &'static str);

#[tokio::test]
async fn every_lie_is_found_at_its_step() {
    let cases: [Case; 22] = [
        (
            Place::IssuerMetadata,
            |d| d["credential_issuer"] = "x".into(),
            Step::IssuerMetadata,
            "byte for byte",
        ),
        (Place::ServerMetadata, |d| d["issuer"] = "x".into(), Step::ServerMetadata, "byte for byte"),
        (Place::Token, |d| d["token_type"] = "Bearer".into(), Step::Token, "DPoP"),
        (Place::Token, |d| d["access_token"] = "".into(), Step::Token, "empty"),
        (Place::Nonce, |d| d["c_nonce"] = "".into(), Step::Nonce, "empty"),
        (Place::CredentialResponse, |d| d["credentials"] = json!([]), Step::Credential, "one for each key"),
        (Place::CredentialHeader, |d| d["kid"] = "x".into(), Step::IssuerKey, "one key x"),
        (Place::CredentialHeader, |d| d["x5c"] = json!(["AAAA"]), Step::IssuerKey, "certificate"),
        (Place::CredentialHeader, |d| d["typ"] = "vc+sd-jwt".into(), Step::Verification, "dc+sd-jwt"),
        (Place::CredentialClaims, |d| d["iss"] = "http://localhost/other".into(), Step::Verification, "iss"),
        (Place::CredentialClaims, |d| d["vct"] = "urn:other".into(), Step::Verification, "vct"),
        (Place::CredentialClaims, |d| d["exp"] = 1.into(), Step::Verification, "not valid"),
        (Place::CredentialClaims, |d| d["exp"] = Value::Null, Step::Verification, "exp"),
        (
            Place::CredentialClaims,
            |d| drop(d.as_object_mut().unwrap().remove("exp")),
            Step::Verification,
            "exp",
        ),
        (
            Place::CredentialClaims,
            |d| drop(d.as_object_mut().unwrap().remove("department")),
            Step::Verification,
            "department",
        ),
        (Place::CredentialClaims, |d| d["_sd"] = json!([]), Step::Verification, "disclosure"),
        (Place::CredentialClaims, |d| d["cnf"]["jwk"] = another_key(), Step::Verification, "proven keys"),
        (
            Place::CredentialClaims,
            |d| drop(d.as_object_mut().unwrap().remove("status")),
            Step::Verification,
            "status_list",
        ),
        (
            Place::CredentialClaims,
            |d| d["status"]["status_list"]["idx"] = 999.into(),
            Step::Status,
            "index 999",
        ),
        (Place::JwtVcIssuer, |d| d["issuer"] = "x".into(), Step::IssuerKey, "byte for byte"),
        (Place::Did, |d| d["id"] = "did:web:x".into(), Step::IssuerKey, "did:web:x"),
        (Place::StatusClaims, |d| d["sub"] = "x".into(), Step::Status, "sub"),
    ];
    for (place, spoil, step, word) in cases {
        let mock = Mock::start(spoiled(place, spoil)).await;
        let claimed = Wallet::new(Settings::default()).unwrap().claim(&mock.link(), None, 1).await;
        let error = claimed.err().unwrap_or_else(|| panic!("{place:?} was believed: {word}"));
        assert_eq!(error.step, step, "{place:?}: {error}");
        assert!(error.to_string().contains(word), "{place:?}: {error}");
        // Whatever was issued and not believed is reported, in the wallet's own words.
        if matches!(step, Step::IssuerKey | Step::Verification | Step::Status) {
            let notified = mock.notified.lock().unwrap();
            assert_eq!(notified[0]["event"], "credential_failure", "{place:?}");
            assert!(!notified[0]["event_description"].as_str().unwrap().is_empty());
        }
    }
}

fn another_key() -> Value {
    json!(chancery_credential::SigningKey::es256(&[9; 32]).unwrap().public_jwk())
}

#[tokio::test]
async fn a_key_that_only_one_document_knows_is_refused() {
    for place in [Place::JwtVcIssuer, Place::Did] {
        let error = claim(
            spoiled(place, |document| {
                let other = another_key();
                for pointer in ["/jwks/keys/0", "/verificationMethod/0/publicKeyJwk"] {
                    if let Some(key) = document.pointer_mut(pointer) {
                        key["x"] = other["x"].clone();
                        key["y"] = other["y"].clone();
                    }
                }
            }),
            Settings::default(),
            1,
        )
        .await
        .unwrap_err();
        assert_eq!(error.step, Step::IssuerKey, "{place:?}: {error}");
    }
}

#[tokio::test]
async fn copies_that_can_be_linked_are_refused() {
    let cases: [(Spoil, &str); 2] = [
        (|d| d["iat"] = (d["iat"].as_i64().unwrap() + 1).into(), "rounded"),
        (|d| d["status"]["status_list"]["idx"] = 3.into(), "index 3 twice"),
    ];
    for (spoil, word) in cases {
        let error = claim(spoiled(Place::CredentialClaims, spoil), Settings::default(), 2).await.unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        let alone = claim(spoiled(Place::CredentialClaims, spoil), Settings::default(), 1).await;
        assert!(alone.is_ok(), "one copy alone cannot be linked to another");
    }
}

#[tokio::test]
async fn what_is_kept_can_be_presented_later() {
    let claimed = claim(Behaviour::default(), Settings::default(), 2).await.unwrap();
    let kept = kept(&claimed);
    for (at, held) in claimed[0].credentials.iter().enumerate() {
        let one = &kept[0]["credentials"][at];
        assert_eq!(one["credential"], held.credential);
        let d = one["holder_key"]["d"].as_str().unwrap();
        let scalar = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, d).unwrap();
        let key = chancery_credential::SigningKey::es256(&scalar.try_into().unwrap()).unwrap();
        assert_eq!(json!(key.public_jwk()), held.claims["cnf"]["jwk"]);
    }
}
