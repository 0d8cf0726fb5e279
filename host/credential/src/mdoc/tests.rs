//! Issued and read back; and what a forger might try.

use chancery_domain::template::{CborType, MdocElement, MdocProjection};
use chancery_domain::{CredentialId, Dataset, IssuanceId, IssuanceToken, StatusEntry};
use ciborium::Value as Cbor;
use coset::{AsCborValue as _, CoseSign1};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::cbor::{bytes, decoded, encoded, member, read};
use super::*;
use crate::jose::{Jwk, base64url};
use crate::keys::SigningKey;
use crate::testing::{NOW, now_or_never};
use crate::x509::{CertificateChain, DevelopmentCa};
use crate::{Algorithm, SystemRandom};

const DOCTYPE: &str = "org.example.card.1";
const URI: &str = "https://h.example/acme/status-lists/3";

fn issuer() -> SigningKey {
    SigningKey::es256(&[1; 32]).unwrap()
}

fn holder(algorithm: Algorithm) -> Jwk {
    SigningKey::new(algorithm, &[2; 32]).unwrap().public_jwk().clone()
}

fn chain(key: &SigningKey, lifetime: Duration) -> CertificateChain {
    let authority = DevelopmentCa::generate(NOW, &SystemRandom).unwrap();
    authority.issue_leaf(key.public_jwk(), "https://h.example/acme", NOW, NOW + lifetime).unwrap()
}

fn projection() -> MdocProjection {
    let element = |field: &str, namespace: &str, cbor| MdocElement {
        field: field.to_owned(),
        namespace: namespace.to_owned(),
        element: field.to_owned(),
        cbor,
    };
    MdocProjection {
        doctype: DOCTYPE.to_owned(),
        elements: vec![
            element("name", DOCTYPE, CborType::Plain),
            element("birth_date", DOCTYPE, CborType::FullDate),
            element("portrait", DOCTYPE, CborType::Bytes),
            element("since", DOCTYPE, CborType::Tdate),
            element("categories", "org.example.card.1.more", CborType::Plain),
            element("age", "org.example.card.1.more", CborType::Plain),
            element("privileges", DOCTYPE, CborType::Dated),
        ],
    }
}

fn subject() -> Value {
    json!({
        "name": "Ada",
        "birth_date": "1815-12-10",
        "portrait": "data:image/jpeg;base64,/9j/4A==",
        "since": "2026-01-02T04:04:05.678+01:00",
        "categories": [{ "code": "B", "numbers": [1, -2, 0.5, true, null] }],
        "privileges": [{ "code": "B", "issue_date": "2026-01-02", "note": "2026-02-30" }],
    })
}

#[expect(clippy::disallowed_methods, reason = "no store here; the test stands in for a committed intent")]
fn token() -> IssuanceToken {
    let status = StatusEntry { list: 3, index: 4711 };
    IssuanceToken::from_committed_intent(
        IssuanceId::new(NOW, [1; 10]),
        CredentialId::new(NOW, [1; 10]),
        status,
    )
}

fn issue_of(
    subject: Value,
    key: &SigningKey,
    holder: &Jwk,
    lifetime: Duration,
) -> Result<String, IssueError> {
    let Value::Object(values) = subject else { panic!("a dataset is an object") };
    let mdoc = Mdoc {
        projection: &projection(),
        dataset: &Dataset { values, good_until: None },
        holder,
        issued_at: NOW,
        expires_at: NOW + Duration::days(30),
        status_list_uri: URI,
    };
    now_or_never(issue(token(), &mdoc, key, &chain(key, lifetime), &SystemRandom))
}

fn issued() -> String {
    issue_of(subject(), &issuer(), &holder(Algorithm::Es256), Duration::days(90)).unwrap()
}

fn verify_at(credential: &str, key: &SigningKey, now: OffsetDateTime) -> Result<VerifiedMdoc, Invalid> {
    verify(credential, &|chain| (chain.len() == 1).then(|| key.public_jwk().clone()), now)
}

#[test]
fn what_was_issued_verifies_and_says_what_was_put_in() {
    for algorithm in Algorithm::ALL {
        let (key, holder) = (SigningKey::new(algorithm, &[1; 32]).unwrap(), holder(algorithm));
        let credential = issue_of(subject(), &key, &holder, Duration::days(90)).unwrap();
        let verified = verify_at(&credential, &key, NOW).unwrap();
        assert_eq!((verified.doctype.as_str(), &verified.holder), (DOCTYPE, &holder));
        assert_eq!((verified.signed, verified.expires_at), (NOW, NOW + Duration::days(30)));
        let status = verified.status.unwrap();
        assert_eq!((status.uri.as_str(), status.index), (URI, 4711));
        assert_eq!(verified.digests, 7, "an absent element leaves a digest");
        let main = &verified.elements[DOCTYPE];
        assert_eq!((&main["name"], &main["birth_date"]), (&json!("Ada"), &json!("1815-12-10")));
        assert_eq!(main["portrait"], "_9j_4A");
        assert_eq!(verified.elements["org.example.card.1.more"]["categories"], subject()["categories"]);
    }
}

#[test]
fn the_encoding_is_that_of_the_standard() {
    let credential = read(&base64url::decode(issued()).unwrap()).unwrap();
    let sign1 = CoseSign1::from_cbor_value(member(&credential, "issuerAuth").unwrap().clone()).unwrap();
    assert!(sign1.protected.header.rest.is_empty(), "the chain is unprotected");
    let object = decoded(&read(&sign1.payload.unwrap()).unwrap()).unwrap();
    let validity = member(&object, "validityInfo").unwrap();
    let Cbor::Tag(0, signed) = member(validity, "signed").unwrap() else { panic!("a tdate") };
    assert!(!signed.as_text().unwrap().contains('.') && signed.as_text().unwrap().ends_with('Z'));
    let items = member(member(&credential, "nameSpaces").unwrap(), DOCTYPE).unwrap().as_array().unwrap();
    let values: Vec<_> = items.iter().map(|item| decoded(item).unwrap()).collect();
    let value = |name: &str| {
        let is_it = |item: &&Cbor| member(item, "elementIdentifier").unwrap().as_text() == Some(name);
        member(values.iter().find(is_it).unwrap(), "elementValue").unwrap().clone()
    };
    assert!(matches!(value("birth_date"), Cbor::Tag(1004, _)));
    assert_eq!(value("since"), Cbor::Tag(0, Box::new(Cbor::Text("2026-01-02T03:04:05Z".to_owned()))));
    assert_eq!(value("portrait"), Cbor::Bytes(vec![0xff, 0xd8, 0xff, 0xe0]));
    // ISO/IEC 18013-5 §7.2.4: days within a structure are days too; what only looks like one is text.
    let privilege = value("privileges").as_array().unwrap()[0].clone();
    assert!(matches!(member(&privilege, "issue_date"), Some(Cbor::Tag(1004, _))));
    assert!(matches!(member(&privilege, "note"), Some(Cbor::Text(_))));
}

#[test]
fn it_ends_with_its_certificate_and_begins_with_it() {
    let credential = issue_of(subject(), &issuer(), &holder(Algorithm::Es256), Duration::days(5)).unwrap();
    let until = NOW + Duration::days(5);
    assert_eq!(verify_at(&credential, &issuer(), NOW).unwrap().expires_at, until);
    assert_eq!(verify_at(&credential, &issuer(), until).unwrap_err(), Invalid::Validity);
    assert_eq!(verify_at(&credential, &issuer(), NOW - Duration::SECOND).unwrap_err(), Invalid::Validity);
}

#[test]
fn copies_share_no_salt_and_no_order() {
    let ids = || {
        let credential = read(&base64url::decode(issued()).unwrap()).unwrap();
        let items = member(member(&credential, "nameSpaces").unwrap(), DOCTYPE).unwrap().clone();
        let items: Vec<_> = items.as_array().unwrap().iter().map(|item| decoded(item).unwrap()).collect();
        let salts: Vec<_> = items.iter().map(|item| bytes(member(item, "random").unwrap())).collect();
        (items.iter().map(|item| bytes(member(item, "digestID").unwrap())).collect::<Vec<_>>(), salts)
    };
    let drawn: Vec<_> = (0..20).map(|_| ids()).collect();
    assert!(drawn.iter().any(|(order, _)| *order != drawn[0].0), "twenty times the same of 120 orders");
    let mut salts: Vec<_> = drawn.iter().flat_map(|(_, salts)| salts).collect();
    salts.sort();
    salts.dedup();
    assert_eq!(salts.len(), 20 * 5);
}

#[test]
fn what_was_changed_is_noticed() {
    let other = SigningKey::es256(&[9; 32]).unwrap();
    assert_eq!(verify_at(&issued(), &other, NOW).unwrap_err(), Invalid::Signature);
    let genuine = base64url::decode(issued()).unwrap();
    let mut accepted = Vec::new();
    for position in 0..genuine.len() {
        let mut forged = genuine.clone();
        forged[position] ^= 1;
        if verify_at(&base64url::encode(&forged), &issuer(), NOW).is_ok() {
            accepted.push(position);
        }
    }
    // The certificates are not signed over; they are trusted or not for what they are.
    let certificate = bytes(&Cbor::Bytes(
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, chain_of_first()).unwrap(),
    ));
    assert!(accepted.len() <= certificate.len(), "{} positions of {}", accepted.len(), genuine.len());
    assert_eq!(verify_at("", &issuer(), NOW).unwrap_err(), Invalid::Malformed("the CBOR"));
}

fn chain_of_first() -> String {
    chain(&issuer(), Duration::days(90)).x5c()[0].clone()
}

#[test]
fn an_item_that_was_put_in_is_noticed() {
    let genuine = read(&base64url::decode(issued()).unwrap()).unwrap();
    let forged = encoded(&super::cbor::map([
        ("digestID", Cbor::Integer(0.into())),
        ("random", Cbor::Bytes(vec![7; 32])),
        ("elementIdentifier", Cbor::Text("admin".to_owned())),
        ("elementValue", Cbor::Bool(true)),
    ]));
    let Cbor::Map(mut parts) = genuine else { panic!("a map") };
    let Cbor::Map(spaces) = &mut parts[0].1 else { panic!("namespaces") };
    let Cbor::Array(items) = &mut spaces[0].1 else { panic!("items") };
    items.push(forged);
    let credential = base64url::encode(bytes(&Cbor::Map(parts)));
    assert_eq!(verify_at(&credential, &issuer(), NOW).unwrap_err(), Invalid::Digest("admin".to_owned()));
}

#[test]
fn a_value_that_does_not_fit_its_element_is_refused() {
    for (field, value) in [("portrait", json!("data:image/jpeg,raw")), ("birth_date", json!(18_151_210))] {
        let mut subject = subject();
        subject[field] = value;
        let refused = issue_of(subject, &issuer(), &holder(Algorithm::Es256), Duration::days(90));
        assert!(matches!(refused, Err(IssueError::Value(named)) if named == field));
    }
}
