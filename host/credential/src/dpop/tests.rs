//! DPoP proofs, honest and not.

use serde_json::{Value, json};

use super::*;
use crate::keys::SigningKey;
use crate::testing::{NOW, assert_no_hostile_form_passes, sign_values, with};

const URL: &str = "https://h.example/acme/token";

fn key() -> SigningKey {
    SigningKey::es256(&[1; 32]).unwrap()
}

fn header() -> Value {
    json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": key().public_jwk() })
}

fn claims() -> Value {
    json!({ "jti": "one", "htm": "POST", "htu": URL, "iat": NOW.unix_timestamp() })
}

fn expect(access_token: Option<&str>) -> DpopExpectations<'_> {
    DpopExpectations { method: "POST", url: URL, access_token, now: NOW }
}

fn verify(jwt: &str) -> Result<DpopProof, DpopError> {
    verify_dpop(jwt, &expect(None))
}

fn with_claim(name: &str, value: impl Into<Option<Value>>) -> Result<DpopProof, DpopError> {
    verify(&sign_values(&header(), &with(&claims(), name, value), &key()))
}

#[test]
fn a_proof_gives_key_identity_and_nonce() {
    let proof = with_claim("nonce", json!("n")).unwrap();
    assert_eq!(proof.thumbprint, key().key_id());
    assert_eq!(proof.nonce.as_deref(), Some("n"));
    assert_eq!(with_claim("nonce", None).unwrap().nonce, None);
    assert!(matches!(with_claim("nonce", json!(1)), Err(DpopError::Claim("nonce"))));
    // Claims that RFC 9449 does not know are tolerated.
    assert!(with_claim("x", json!(0)).is_ok());
}

#[test]
fn no_hostile_form_of_a_proof_passes() {
    assert_no_hostile_form_passes(&header(), &claims(), &[1; 32], |jwt| verify(jwt).is_ok());
}

#[test]
fn a_key_is_needed_and_must_be_public() {
    let with_key = |jwk: Option<Value>| verify(&sign_values(&with(&header(), "jwk", jwk), &claims(), &key()));
    assert!(matches!(with_key(None), Err(DpopError::NoKey)));
    let private = with(&key().public_jwk().to_value(), "d", json!("AQ"));
    assert!(matches!(with_key(Some(private)), Err(DpopError::Key(JwkError::Private))));
    for typ in ["JWT", "DPOP+JWT", "openid4vci-proof+jwt"] {
        let jwt = sign_values(&with(&header(), "typ", json!(typ)), &claims(), &key());
        assert!(matches!(verify(&jwt), Err(DpopError::Type)), "{typ}");
    }
}

#[test]
fn the_same_identifier_of_another_key_is_another_proof() {
    let one = verify(&sign_values(&header(), &claims(), &key())).unwrap();
    let again = with_claim("iat", json!(NOW.unix_timestamp() - 1)).unwrap();
    assert_eq!(one.jti_hash, again.jti_hash);
    assert_ne!(one.jti_hash, with_claim("jti", json!("two")).unwrap().jti_hash);
    let other = SigningKey::es256(&[2; 32]).unwrap();
    let jwt = sign_values(&with(&header(), "jwk", other.public_jwk().to_value()), &claims(), &other);
    assert_ne!(one.jti_hash, verify(&jwt).unwrap().jti_hash);
    for bad in [json!(""), json!(1), json!(null), json!("x".repeat(513))] {
        assert!(matches!(with_claim("jti", bad), Err(DpopError::Claim("jti"))));
    }
    assert!(matches!(with_claim("jti", None), Err(DpopError::Claim("jti"))));
}

#[test]
fn the_method_is_the_requests() {
    for method in ["GET", "post", "POST ", ""] {
        assert!(matches!(with_claim("htm", json!(method)), Err(DpopError::Method)), "{method}");
    }
    assert!(matches!(with_claim("htm", None), Err(DpopError::Claim("htm"))));
}

#[test]
fn the_url_is_the_requests_however_it_is_spelled() {
    for same in [
        URL,
        "https://h.example/acme/token?a=b",
        "https://h.example/acme/token#f",
        "https://h.example/acme/token?a=b#f",
        "https://h.example:443/acme/token",
        "HTTPS://H.EXAMPLE/acme/token",
        "https://h.example/acme/./token",
        "https://h.example/x/../acme/token",
        "https://h.example/%61cme/token",
    ] {
        assert!(with_claim("htu", json!(same)).is_ok(), "{same}");
    }
    for other in [
        "http://h.example/acme/token",
        "https://h.example:8443/acme/token",
        "https://h.example:80/acme/token",
        "https://h.example/acme/token/",
        "https://h.example/Acme/token",
        "https://h.example/acme%2Ftoken",
        "https://h.example//acme/token",
        "https://h.example/other/token",
        "https://other.example/acme/token",
        "https://h.example.attacker.example/acme/token",
    ] {
        assert!(matches!(with_claim("htu", json!(other)), Err(DpopError::Url)), "{other}");
    }
    for malformed in [
        json!("/acme/token"),
        json!(""),
        json!("https://user@h.example/acme/token"),
        json!("https://h.example\\acme\\token"),
        json!("https://h.example/acme/to\tken"),
        json!(" https://h.example/acme/token"),
        json!("ftp://h.example/acme/token"),
        json!([URL]),
        json!(null),
    ] {
        assert!(matches!(with_claim("htu", malformed.clone()), Err(DpopError::Claim("htu"))), "{malformed}");
    }
}

#[test]
fn escapes_are_compared_by_meaning() {
    assert_eq!(decode_unreserved("/%7euser/%2f%2F%41"), "/~user/%2F%2FA");
    assert_eq!(decode_unreserved("/%+1%zz%4"), "/%+1%zz%4");
    assert_eq!(normalised("https://h.example"), normalised("https://h.example/"));
}

#[test]
fn a_proof_is_made_now() {
    let now = NOW.unix_timestamp();
    for good in [now - 300, now - 10, now + 10, now + 60] {
        assert!(with_claim("iat", json!(good)).is_ok());
    }
    for bad in [now - 3600, now + 3600, now - 301, now + 61] {
        assert!(matches!(with_claim("iat", json!(bad)), Err(DpopError::Age)));
    }
    assert!(matches!(with_claim("iat", None), Err(DpopError::Claim("iat"))));
    assert!(matches!(with_claim("iat", json!("now")), Err(DpopError::Claim("iat"))));
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
        assert!(matches!(with_claim(name, bad), Err(DpopError::Age)), "{name}");
    }
}

#[test]
fn at_a_resource_the_proof_is_for_this_token() {
    let proof = |ath: Option<Value>| {
        verify_dpop(&sign_values(&header(), &with(&claims(), "ath", ath), &key()), &expect(Some("token")))
    };
    let hash = |token: &str| json!(base64url::encode(digest(&SHA256, token.as_bytes())));
    assert!(proof(Some(hash("token"))).is_ok());
    assert!(matches!(proof(Some(hash("other"))), Err(DpopError::AccessToken)));
    assert!(matches!(
        proof(Some(json!(hex::encode(digest(&SHA256, b"token"))))),
        Err(DpopError::AccessToken)
    ));
    assert!(matches!(proof(None), Err(DpopError::Claim("ath"))));
    assert!(matches!(proof(Some(json!(null))), Err(DpopError::Claim("ath"))));
}
