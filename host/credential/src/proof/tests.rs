//! Key proofs, honest and not.

use serde_json::{Value, json};

use super::*;
use crate::keys::SigningKey;
use crate::testing::{NOW, assert_no_hostile_form_passes, sign_values, with};

const ISSUER: &str = "https://h.example/acme";

fn key() -> SigningKey {
    SigningKey::es256(&[1; 32]).unwrap()
}

fn header() -> Value {
    json!({ "alg": "ES256", "typ": "openid4vci-proof+jwt", "jwk": key().public_jwk() })
}

fn claims() -> Value {
    json!({ "aud": ISSUER, "iat": NOW.unix_timestamp(), "nonce": "n" })
}

fn verify(jwt: &str) -> Result<KeyProof, ProofError> {
    verify_key_proof(
        jwt,
        &KeyProofExpectations { issuer: ISSUER, client_id: None, attesters: &Anchors::default(), now: NOW },
    )
}

fn with_header(name: &str, value: impl Into<Option<Value>>) -> Result<KeyProof, ProofError> {
    verify(&sign_values(&with(&header(), name, value), &claims(), &key()))
}

fn with_claim(name: &str, value: impl Into<Option<Value>>) -> Result<KeyProof, ProofError> {
    verify(&sign_values(&header(), &with(&claims(), name, value), &key()))
}

#[test]
fn a_proof_gives_its_key_and_nonce() {
    let proof = verify(&sign_values(&header(), &claims(), &key())).unwrap();
    assert_eq!(&proof.holder, key().public_jwk());
    assert_eq!(proof.nonce.as_deref(), Some("n"));
    let eddsa = SigningKey::ed25519(&[1; 32]).unwrap();
    let header = json!({ "alg": "EdDSA", "typ": "openid4vci-proof+jwt", "jwk": eddsa.public_jwk() });
    assert_eq!(&verify(&sign_values(&header, &claims(), &eddsa)).unwrap().holder, eddsa.public_jwk());
}

#[test]
fn no_hostile_form_of_a_proof_passes() {
    assert_no_hostile_form_passes(&header(), &claims(), &[1; 32], |jwt| verify(jwt).is_ok());
}

/// The header of a proof by certificates, and those of the key.
fn certified(by: &SigningKey, until: OffsetDateTime) -> Value {
    let ca = crate::x509::DevelopmentCa::generate(NOW, &crate::SystemRandom).unwrap();
    let chain = ca.issue_leaf(by.public_jwk(), "https://phone.example", NOW, until).unwrap();
    with(&with(&header(), "jwk", None), "x5c", json!(chain.x5c()))
}

#[test]
fn certificates_name_the_key_of_the_leaf() {
    let header = certified(&key(), NOW + Duration::days(1));
    let proof = verify(&sign_values(&header, &claims(), &key())).unwrap();
    assert_eq!(&proof.holder, key().public_jwk());
    assert_no_hostile_form_passes(&header, &claims(), &[1; 32], |jwt| verify(jwt).is_ok());

    let another = sign_values(&header, &claims(), &SigningKey::es256(&[2; 32]).unwrap());
    assert!(matches!(verify(&another), Err(ProofError::Jws(JwsError::Signature))));
    let over = certified(&key(), NOW - Duration::seconds(1));
    let over = verify(&sign_values(&over, &claims(), &key()));
    assert!(matches!(over, Err(ProofError::Chain(ChainError::Validity(0)))));
}

#[test]
fn what_is_elsewhere_is_named_only_by_a_proof_that_fits() {
    let expected =
        KeyProofExpectations { issuer: ISSUER, client_id: None, attesters: &Anchors::default(), now: NOW };
    let header = with(&with(&header(), "jwk", None), "kid", json!("did:web:h.example#0"));
    let good = sign_values(&header, &claims(), &key());
    let claimed = claim_key_proof(&good, &expected).unwrap();
    assert_eq!((claimed.remote_key(), claimed.nonce()), (Some("did:web:h.example#0"), Some("n")));
    assert!(claimed.verify(Some(SigningKey::es256(&[2; 32]).unwrap().public_jwk())).is_err());
    assert!(claim_key_proof(&good, &expected).unwrap().verify(Some(key().public_jwk())).is_ok());
    assert!(claim_key_proof(&good, &expected).unwrap().verify(None).is_err(), "nobody fetched it");
    let (signed, _) = good.rsplit_once('.').unwrap();
    for wrong in [
        sign_values(&with(&header, "typ", json!("JWT")), &claims(), &key()),
        sign_values(&header, &with(&claims(), "aud", json!("https://other.example")), &key()),
        sign_values(&header, &with(&claims(), "iat", json!(0)), &key()),
        sign_values(&header, &with(&claims(), "nonce", json!(1)), &key()),
        format!("{signed}."),
        format!("{signed}.AAAA"),
    ] {
        assert!(claim_key_proof(&wrong, &expected).is_err(), "{wrong}");
    }
}

#[test]
fn only_the_proof_type_counts() {
    for typ in ["JWT", "jwt", "dpop+jwt", "OPENID4VCI-PROOF+JWT", "application/openid4vci-proof+jwt", ""] {
        assert!(matches!(with_header("typ", json!(typ)), Err(ProofError::Type)), "{typ}");
    }
}

#[test]
fn a_proof_names_exactly_one_key() {
    assert!(matches!(with_header("kid", json!("did:example:1#k")), Err(ProofError::KeyReference)));
    assert!(matches!(with_header("x5c", json!(["AA=="])), Err(ProofError::KeyReference)));
    assert!(matches!(with_header("jwk", None), Err(ProofError::KeyReference)));
    let without = with(&header(), "jwk", None);
    let by_x5c = verify(&sign_values(&with(&without, "x5c", json!(["AA=="])), &claims(), &key()));
    assert!(matches!(by_x5c, Err(ProofError::Chain(ChainError::Malformed(_)))));
    let by_name = verify(&sign_values(&with(&without, "kid", json!("key-1")), &claims(), &key()));
    assert!(matches!(by_name, Err(ProofError::UnknownKey)));
    let by_kid = verify(&sign_values(&with(&without, "kid", json!("did:example:1#k")), &claims(), &key()));
    assert!(matches!(by_kid, Err(ProofError::Did(HolderDidError::Method))));
}

#[test]
fn a_did_names_the_key_as_a_jwk_does() {
    let kid = |key: &SigningKey| {
        format!("did:jwk:{}#0", crate::jose::base64url::encode(key.public_jwk().to_value().to_string()))
    };
    let header = with(&header(), "jwk", None);
    let proof = verify(&sign_values(&with(&header, "kid", json!(kid(&key()))), &claims(), &key())).unwrap();
    assert_eq!(&proof.holder, key().public_jwk());
    let anothers = kid(&SigningKey::es256(&[2; 32]).unwrap());
    let verdict = verify(&sign_values(&with(&header, "kid", json!(anothers)), &claims(), &key()));
    assert!(matches!(verdict, Err(ProofError::Jws(JwsError::Signature))));
}

#[test]
fn a_proof_with_a_private_or_foreign_key_is_refused() {
    let private = with(&key().public_jwk().to_value(), "d", json!("AQ"));
    assert!(matches!(with_header("jwk", private), Err(ProofError::Key(JwkError::Private))));
    let p384 = json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" });
    assert!(matches!(with_header("jwk", p384), Err(ProofError::Key(JwkError::Unsupported))));
    let other = SigningKey::es256(&[2; 32]).unwrap().public_jwk().to_value();
    assert!(matches!(with_header("jwk", other), Err(ProofError::Jws(JwsError::Signature))));
    let eddsa = SigningKey::ed25519(&[2; 32]).unwrap().public_jwk().to_value();
    assert!(matches!(with_header("jwk", eddsa), Err(ProofError::Jws(JwsError::WrongKey))));
    assert!(with_header("jwk", json!("x")).is_err());
    // A remote key is never fetched: the header's own jwk counts.
    assert!(with_header("jku", json!("https://attacker.example/keys")).is_ok());
}

#[test]
fn the_audience_is_the_issuer_as_one_string() {
    for audience in [
        json!("https://h.example/other"),
        json!("https://h.example/acme/"),
        json!("https://H.example/acme"),
        json!("https://h.example:443/acme"),
        json!([ISSUER]),
        json!([ISSUER, "https://other.example"]),
        json!({ "iss": ISSUER }),
        json!(null),
        json!(1),
    ] {
        assert!(matches!(with_claim("aud", audience.clone()), Err(ProofError::Audience)), "{audience}");
    }
    assert!(matches!(with_claim("aud", None), Err(ProofError::Audience)));
}

#[test]
fn a_proof_is_made_now() {
    let now = NOW.unix_timestamp();
    for good in [json!(now - 300), json!(now + 60), json!(1_787_572_800.5)] {
        assert!(with_claim("iat", good.clone()).is_ok(), "{good}");
    }
    for bad in
        [json!(now - 301), json!(now + 61), json!(0), json!(-1), json!(now + 315_360_000), json!(i64::MIN)]
    {
        assert!(matches!(with_claim("iat", bad.clone()), Err(ProofError::Age)), "{bad}");
    }
    for bad in [json!(now.to_string()), json!(null), json!(true), json!(1e300), json!([now])] {
        assert!(matches!(with_claim("iat", bad.clone()), Err(ProofError::IssuedAt)), "{bad}");
    }
    assert!(matches!(with_claim("iat", None), Err(ProofError::IssuedAt)));
}

#[test]
fn an_end_and_a_beginning_that_a_proof_names_hold() {
    let now = NOW.unix_timestamp();
    for (name, good) in [("exp", now + 1), ("nbf", now - 1), ("nbf", now + 60)] {
        assert!(with_claim(name, json!(good)).is_ok(), "{name}");
    }
    for (name, bad) in [
        ("exp", json!(now)),
        ("exp", json!("x")),
        ("exp", json!(null)),
        ("nbf", json!(now + 61)),
        ("nbf", json!([])),
    ] {
        assert!(matches!(with_claim(name, bad), Err(ProofError::Age)), "{name}");
    }
}

#[test]
fn a_proof_without_nonce_says_so() {
    assert_eq!(with_claim("nonce", None).unwrap().nonce, None);
    for bad in [json!(1), json!(null), json!(["n"])] {
        assert!(matches!(with_claim("nonce", bad), Err(ProofError::Nonce)));
    }
}

#[test]
fn the_issuer_of_a_proof_is_the_client_where_one_is_known() {
    let known = |jwt: &str| {
        verify_key_proof(
            jwt,
            &KeyProofExpectations {
                issuer: ISSUER,
                client_id: Some("wallet"),
                attesters: &Anchors::default(),
                now: NOW,
            },
        )
    };
    let by = |iss: Value| sign_values(&header(), &with(&claims(), "iss", iss), &key());
    assert!(known(&by(json!("wallet"))).is_ok());
    assert!(matches!(known(&by(json!("other"))), Err(ProofError::Client)));
    assert!(matches!(known(&by(json!(["wallet"]))), Err(ProofError::Client)));
    assert!(known(&sign_values(&header(), &claims(), &key())).is_ok());
    // After anonymous access nothing depends on it.
    assert!(verify(&by(json!("did:key:z6Mk"))).is_ok());
}
