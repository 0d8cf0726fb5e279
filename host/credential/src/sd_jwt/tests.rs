//! Issued and read back; and what a forger might try.

use chancery_domain::template::{Disclosure, SdJwtClaim, SdJwtProjection};
use chancery_domain::{CredentialId, Dataset, IssuanceId, IssuanceToken, StatusEntry};
use serde_json::{Map, Value, json};
use time::Duration;

use super::disclosure::digest_of;
use super::*;
use crate::SystemRandom;
use crate::jose::{self, Header, Jwk, base64url};
use crate::keys::{Signer, SigningKey};
use crate::testing::{NOW, assert_no_hostile_form_passes, now_or_never};

const URI: &str = "https://h.example/acme/status-lists/3";

fn issuer() -> SigningKey {
    SigningKey::es256(&[1; 32]).unwrap()
}

fn holder() -> Jwk {
    SigningKey::es256(&[2; 32]).unwrap().public_jwk().clone()
}

fn claim(path: &str, disclosure: Disclosure) -> SdJwtClaim {
    SdJwtClaim {
        field: path.replace('.', "_"),
        path: path.split('.').map(str::to_owned).collect(),
        disclosure,
        elements: path == "nationalities",
    }
}

fn projection(claims: &[(&str, Disclosure)]) -> SdJwtProjection {
    let claims = claims.iter().map(|(path, disclosure)| claim(path, *disclosure)).collect();
    SdJwtProjection { vct: "urn:example:pid".into(), claims }
}

fn dataset(value: Value) -> Dataset {
    let Value::Object(values) = value else { panic!("a dataset is an object") };
    Dataset { values, good_until: None }
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

fn issue_with(projection: &SdJwtProjection, dataset: &Dataset) -> Result<String, IssueError> {
    let vc = SdJwtVc {
        projection,
        dataset,
        issuer: "https://h.example/acme",
        holder: &holder(),
        issued_at: NOW,
        expires_at: NOW + Duration::days(14),
        status_list_uri: URI,
    };
    now_or_never(issue(token(), &vc, &issuer(), None, &SystemRandom))
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that `verify` asks for")]
fn keys(_: &Header) -> Option<Jwk> {
    Some(issuer().public_jwk().clone())
}

fn read(compact: &str) -> Result<Verified, Invalid> {
    verify(compact, &keys, NOW)
}

/// The claims before any disclosure.
fn payload(compact: &str) -> Map<String, Value> {
    let payload = compact.split(['.', '~']).nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(payload).unwrap()).unwrap()
}

/// The compact form with no disclosure handed over.
fn undisclosed(compact: &str) -> String {
    format!("{}~", compact.split('~').next().unwrap())
}

fn pid() -> (SdJwtProjection, Dataset) {
    use Disclosure::{Always, Selective};
    let projection = projection(&[
        ("given_name", Selective),
        ("birthdate", Always),
        ("nationalities", Selective),
        ("address.locality", Selective),
        ("address.country", Selective),
        ("place.country", Always),
        ("place.locality", Selective),
        ("email", Selective),
    ]);
    let dataset = dataset(json!({
        "given_name": "Erika", "birthdate": "1964-08-12", "nationalities": ["DE", "FR"],
        "address_locality": "Köln", "address_country": "DE",
        "place_country": "DE", "place_locality": "Berlin",
    }));
    (projection, dataset)
}

#[test]
fn a_credential_reads_back_as_it_was_meant() {
    let (projection, dataset) = pid();
    let compact = issue_with(&projection, &dataset).unwrap();
    let verified = read(&compact).unwrap();
    assert_eq!(verified.header.key_id(), Some(issuer().key_id()));
    assert_eq!(verified.holder, Some(holder()));
    assert_eq!(verified.status, Some(StatusReference { uri: URI.into(), index: 4711 }));
    let mut claims = Value::Object(verified.claims);
    assert_eq!(claims["iat"], NOW.unix_timestamp());
    for registered in ["iss", "iat", "exp", "vct", "cnf", "status"] {
        claims.as_object_mut().unwrap().remove(registered).unwrap();
    }
    assert_eq!(
        claims,
        json!({
            "given_name": "Erika", "birthdate": "1964-08-12", "nationalities": ["DE", "FR"],
            "address": { "locality": "Köln", "country": "DE" },
            "place": { "country": "DE", "locality": "Berlin" },
        })
    );
}

#[test]
fn what_is_not_disclosed_is_not_there() {
    let (projection, dataset) = pid();
    let compact = issue_with(&projection, &dataset).unwrap();
    let verified = read(&undisclosed(&compact)).unwrap();
    assert_eq!(verified.claims["place"], json!({ "country": "DE" }));
    assert_eq!(verified.claims["birthdate"], "1964-08-12");
    for withheld in ["given_name", "nationalities", "address", "email", "_sd", "_sd_alg"] {
        assert!(!verified.claims.contains_key(withheld), "{withheld}");
    }
    let open = Value::Object(payload(&compact)).to_string();
    assert!(!open.contains("Erika") && !open.contains("Köln") && !open.contains("Berlin"));
}

#[test]
fn an_object_of_selective_members_is_itself_one_disclosure() {
    let (projection, dataset) = pid();
    let compact = issue_with(&projection, &dataset).unwrap();
    assert!(!payload(&compact).contains_key("address"));
    // given_name, nationalities and its two elements, address and its two members, place.locality.
    assert_eq!(compact.matches('~').count() - 1, 8);
    // A member without its object refers to nothing.
    let mut parts: Vec<&str> = compact.split('~').collect();
    let position = parts.iter().position(|part| {
        base64url::decode(part).is_some_and(|json| String::from_utf8_lossy(&json).contains(r#""address""#))
    });
    parts.remove(position.unwrap());
    assert!(matches!(read(&parts.join("~")), Err(Invalid::Unreferenced)));
}

#[test]
fn the_number_of_digests_does_not_tell_what_a_subject_has() {
    let (projection, full) = pid();
    let mut poor = full.clone();
    poor.values.remove("given_name");
    poor.values.remove("address_locality");
    poor.values.remove("address_country");
    let count =
        |dataset| payload(&issue_with(&projection, dataset).unwrap())["_sd"].as_array().unwrap().len();
    assert_eq!(count(&full), 4);
    assert_eq!(count(&full), count(&poor));
    assert!(read(&issue_with(&projection, &poor).unwrap()).is_ok());
}

#[test]
fn digests_are_sorted_and_salts_are_fresh() {
    let (projection, dataset) = pid();
    let one = issue_with(&projection, &dataset).unwrap();
    let two = issue_with(&projection, &dataset).unwrap();
    let digests = payload(&one)["_sd"].as_array().unwrap().clone();
    assert!(digests.is_sorted_by(|a, b| a.as_str() < b.as_str()));
    assert!(one.split('~').skip(1).filter(|part| !part.is_empty()).all(|part| !two.contains(part)));
}

#[test]
fn a_credential_without_anything_selective_has_no_trace_of_disclosure() {
    let projection = projection(&[("birthdate", Disclosure::Always)]);
    let compact = issue_with(&projection, &dataset(json!({ "birthdate": "1964-08-12" }))).unwrap();
    assert_eq!(compact.matches('~').count(), 1);
    assert!(!payload(&compact).contains_key("_sd") && !payload(&compact).contains_key("_sd_alg"));
    assert!(read(&compact).is_ok());
}

#[test]
fn a_template_cannot_set_what_the_host_sets() {
    let at = |path: &[&str]| {
        let mut projection = projection(&[("x", Disclosure::Always)]);
        projection.claims[0].path = path.iter().map(|name| (*name).to_owned()).collect();
        check_projection(&projection)
    };
    for name in chancery_domain::template::REGISTERED_CLAIMS {
        assert_eq!(at(&[name]), Err(ProjectionError::Reserved(name.into())));
        assert_eq!(at(&[name, "x"]), Err(ProjectionError::Reserved(name.into())));
    }
    for name in ["_sd", "..."] {
        assert_eq!(at(&["a", name]), Err(ProjectionError::Reserved(name.into())));
    }
    assert_eq!(at(&["a", "status"]), Ok(()));
    for value in [json!({ "_sd": ["x"] }), json!([{ "...": "x" }]), json!({ "deep": [{ "_sd": [] }] })] {
        let projection = projection(&[("x", Disclosure::Always)]);
        let issued = issue_with(&projection, &dataset(json!({ "x": value })));
        assert!(matches!(issued, Err(IssueError::Projection(ProjectionError::Reserved(_)))));
    }
}

#[test]
fn claims_that_collide_are_refused() {
    for paths in [["a", "a"], ["a", "a.b"], ["a.b", "a"], ["a.b.c", "a.b"]] {
        let projection = projection(&paths.map(|path| (path, Disclosure::Always)));
        assert!(matches!(check_projection(&projection), Err(ProjectionError::Collision(_))), "{paths:?}");
    }
    let mut empty = projection(&[("a", Disclosure::Always)]);
    empty.claims[0].path.clear();
    assert!(matches!(check_projection(&empty), Err(ProjectionError::Collision(_))));
}

#[test]
fn a_credential_ends_when_it_says() {
    let (projection, dataset) = pid();
    let compact = issue_with(&projection, &dataset).unwrap();
    let at = |now| verify(&compact, &keys, now);
    assert!(at(NOW + Duration::days(14) - Duration::SECOND).is_ok());
    assert!(matches!(at(NOW + Duration::days(14)), Err(Invalid::Validity)));
}

#[test]
fn an_unknown_or_wrong_key_verifies_nothing() {
    let (projection, dataset) = pid();
    let compact = issue_with(&projection, &dataset).unwrap();
    assert!(matches!(verify(&compact, &|_| None, NOW), Err(Invalid::UnknownKey)));
    assert!(matches!(verify(&compact, &|_| Some(holder()), NOW), Err(Invalid::Jws(_))));
}

/// A credential that no honest issuer makes, properly signed.
fn forged(typ: &str, claims: Value, disclosures: &[Value]) -> String {
    let Value::Object(claims) = claims else { panic!("claims are an object") };
    let key = issuer();
    let mut compact = now_or_never(jose::sign(typ, Map::new(), &claims, &key as &dyn Signer)).unwrap();
    compact.push('~');
    for disclosure in disclosures {
        compact.push_str(&encoded(disclosure));
        compact.push('~');
    }
    compact
}

fn encoded(disclosure: &Value) -> String {
    base64url::encode(disclosure.to_string())
}

fn digest(disclosure: &Value) -> String {
    digest_of(&encoded(disclosure))
}

#[test]
fn forged_disclosures_are_refused() {
    let given = json!(["salt", "given_name", "Erika"]);
    let twice = json!(["other salt", "given_name", "Max"]);
    let element = json!(["salt", "DE"]);
    let vct = "urn:example:pid";
    let verdict = |claims: Value, disclosures: &[Value]| read(&forged(TYP, claims, disclosures));
    let honest = json!({ "vct": vct, "_sd": [digest(&given)] });
    assert!(verdict(honest.clone(), std::slice::from_ref(&given)).is_ok());
    // Not referred to; handed over twice.
    assert!(matches!(verdict(honest.clone(), &[given.clone(), twice.clone()]), Err(Invalid::Unreferenced)));
    assert!(matches!(verdict(honest.clone(), &[given.clone(), given.clone()]), Err(Invalid::Unreferenced)));
    // The same digest twice, disclosed or not.
    let claims = json!({ "vct": vct, "_sd": [digest(&given)], "a": { "_sd": [digest(&given)] } });
    assert!(matches!(verdict(claims.clone(), &[]), Err(Invalid::DuplicateDigest)));
    assert!(matches!(verdict(claims, std::slice::from_ref(&given)), Err(Invalid::DuplicateDigest)));
    // One name from two sources.
    let claims = json!({ "vct": vct, "_sd": [digest(&given), digest(&twice)] });
    assert!(matches!(verdict(claims, &[given.clone(), twice]), Err(Invalid::DuplicateClaim(_))));
    let claims = json!({ "vct": vct, "given_name": "Max", "_sd": [digest(&given)] });
    assert!(matches!(verdict(claims, std::slice::from_ref(&given)), Err(Invalid::DuplicateClaim(_))));
    // A member in the place of an element, and the reverse.
    let claims = json!({ "vct": vct, "n": [{ "...": digest(&given) }] });
    assert!(matches!(verdict(claims, std::slice::from_ref(&given)), Err(Invalid::Disclosure)));
    let claims = json!({ "vct": vct, "_sd": [digest(&element)] });
    assert!(matches!(verdict(claims, std::slice::from_ref(&element)), Err(Invalid::Disclosure)));
    // Registered and reserved names.
    for name in ["iss", "exp", "nbf", "cnf", "vct", "vct#integrity", "status", "_sd", "...", "_sd_alg"] {
        let disclosure = json!(["salt", name, 1]);
        let claims = json!({ "vct": vct, "_sd": [digest(&disclosure)] });
        assert!(matches!(verdict(claims, &[disclosure]), Err(Invalid::Reserved(_))), "{name}");
    }
    // Malformed.
    for disclosure in
        [json!([]), json!(["s"]), json!(["s", 1, 2]), json!([1, "n", 2]), json!(["s", "n", 1, 2]), json!({})]
    {
        let claims = json!({ "vct": vct, "_sd": [digest(&disclosure)] });
        assert!(
            matches!(verdict(claims, std::slice::from_ref(&disclosure)), Err(Invalid::Disclosure)),
            "{disclosure}"
        );
    }
    for claims in [
        json!({ "vct": vct, "_sd": "x" }),
        json!({ "vct": vct, "_sd": [1] }),
        json!({ "vct": vct, "a": [{ "...": 1 }] }),
    ] {
        assert!(matches!(verdict(claims, &[]), Err(Invalid::Digests)));
    }
    let padded = forged(TYP, honest, &[]) + &encoded(&given) + "=~";
    assert!(matches!(read(&padded), Err(Invalid::Disclosure)));
}

#[test]
fn other_types_and_forms_are_refused() {
    let claims = json!({ "vct": "urn:example:pid" });
    assert!(read(&forged(TYP, claims.clone(), &[])).is_ok());
    for typ in ["vc+sd-jwt", "JWT", "DC+SD-JWT", ""] {
        assert!(matches!(read(&forged(typ, claims.clone(), &[])), Err(Invalid::Type)), "{typ}");
    }
    let compact = forged(TYP, claims, &[]);
    assert!(matches!(read(compact.trim_end_matches('~')), Err(Invalid::Form)));
    assert!(matches!(read(&format!("{compact}a.b.c")), Err(Invalid::Form)));
    let other_hash = json!({ "vct": "urn:example:pid", "_sd_alg": "sha-512" });
    assert!(matches!(read(&forged(TYP, other_hash, &[])), Err(Invalid::HashAlgorithm)));
    assert!(matches!(read(&forged(TYP, json!({}), &[])), Err(Invalid::Claim("vct"))));
}

#[test]
fn disclosures_inside_disclosures_end_somewhere() {
    let mut disclosures = vec![json!(["salt", "leaf", 1])];
    for _ in 0..40 {
        let inner = digest(disclosures.last().unwrap());
        disclosures.push(json!(["salt", "deeper", { "_sd": [inner] }]));
    }
    let claims = json!({ "vct": "urn:example:pid", "_sd": [digest(disclosures.last().unwrap())] });
    assert!(matches!(read(&forged(TYP, claims, &disclosures)), Err(Invalid::Depth)));
}

#[test]
fn no_hostile_form_of_a_credential_passes() {
    assert_no_hostile_form_passes(
        &json!({ "alg": "ES256", "typ": TYP, "kid": issuer().key_id() }),
        &json!({ "vct": "urn:example:pid", "exp": NOW.unix_timestamp() + 1 }),
        &[1; 32],
        |jwt| read(&format!("{jwt}~")).is_ok(),
    );
}
