//! Keys and signatures as strangers send them.

use serde_json::{Value, json};

use super::jwk::SMALL_ORDER;
use super::*;
use crate::keys::{Algorithm, SigningKey};
use crate::testing::{assert_no_hostile_form_passes, now_or_never, sign_values, with};

fn p256() -> Value {
    SigningKey::es256(&[1; 32]).unwrap().public_jwk().to_value()
}

#[test]
fn only_an_honest_jws_verifies() {
    let key = SigningKey::es256(&[1; 32]).unwrap().public_jwk().clone();
    // A bare JWS leaves the type to its consumers.
    let accepts = |compact: &str| {
        Jws::parse(compact)
            .is_ok_and(|jws| jws.header().typ() == Some("test+jwt") && jws.verify_claims(&key).is_ok())
    };
    assert_no_hostile_form_passes(
        &json!({ "alg": "ES256", "typ": "test+jwt" }),
        &json!({ "iss": "somebody" }),
        &[1; 32],
        accepts,
    );
}

#[test]
fn a_signature_of_either_algorithm_verifies() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::new(algorithm, &[3; 32]).unwrap();
        let claims = serde_json::Map::from_iter([("iss".to_owned(), json!("somebody"))]);
        let extra =
            serde_json::Map::from_iter([("alg".to_owned(), json!("none")), ("kid".to_owned(), json!("k"))]);
        let compact = now_or_never(sign("test+jwt", extra, &claims, &key)).unwrap();
        let jws = Jws::parse(&compact).unwrap();
        assert_eq!(jws.header().algorithm(), algorithm);
        assert_eq!(jws.header().key_id(), Some("k"));
        assert_eq!(jws.verify_claims(key.public_jwk()).unwrap(), claims);
    }
}

#[test]
fn a_key_of_one_algorithm_verifies_nothing_of_the_other() {
    let es256 = SigningKey::es256(&[1; 32]).unwrap();
    let eddsa = SigningKey::ed25519(&[1; 32]).unwrap();
    for (alg, signer, verifier) in
        [("ES256", &es256, &eddsa), ("EdDSA", &eddsa, &es256), ("EdDSA", &es256, &es256)]
    {
        let compact = sign_values(&json!({ "alg": alg }), &json!({}), signer);
        let verdict = Jws::parse(&compact).unwrap().verify(verifier.public_jwk()).map(<[u8]>::to_vec);
        assert!(matches!(verdict, Err(JwsError::WrongKey)), "{alg}");
    }
}

#[test]
fn the_example_of_rfc_8037_verifies() {
    let key = Jwk::parse(&json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }));
    let compact = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3\
                   AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let jws = Jws::parse(compact).unwrap();
    assert_eq!(jws.verify(&key.unwrap()).unwrap(), b"Example of Ed25519 signing");
}

#[test]
fn a_private_key_is_no_public_key() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        assert_eq!(Jwk::parse(&with(&p256(), name, json!("AQ"))), Err(JwkError::Private), "{name}");
    }
    assert_eq!(Jwk::parse(&json!({ "kty": "oct", "k": "AQ" })), Err(JwkError::Private));
}

#[test]
fn keys_of_other_kinds_are_refused() {
    for (kty, crv) in [
        ("EC", "P-384"),
        ("EC", "P-521"),
        ("EC", "secp256k1"),
        ("EC", "Ed25519"),
        ("EC", "p-256"),
        ("EC", ""),
        ("OKP", "X25519"),
        ("OKP", "Ed448"),
        ("OKP", "P-256"),
        ("RSA", ""),
        ("AKP", ""),
        ("", "P-256"),
        ("ec", "P-256"),
    ] {
        let jwk = with(&with(&p256(), "kty", json!(kty)), "crv", json!(crv));
        assert_eq!(Jwk::parse(&jwk), Err(JwkError::Unsupported), "{kty} {crv}");
    }
    for name in ["kty", "x", "y"] {
        assert_eq!(Jwk::parse(&with(&p256(), name, None)), Err(JwkError::Malformed(name)));
        assert_eq!(Jwk::parse(&with(&p256(), name, json!(1))), Err(JwkError::Malformed(name)));
    }
    assert_eq!(Jwk::parse(&json!("x")), Err(JwkError::Malformed("the object")));
}

#[test]
fn coordinates_are_32_canonical_bytes_on_the_curve() {
    let jwk = p256();
    let x = base64url::decode(jwk["x"].as_str().unwrap()).unwrap();
    for bad in [
        base64url::encode([&[0], x.as_slice()].concat()),
        base64url::encode(&x[1..]),
        format!("{}=", jwk["x"].as_str().unwrap()),
        format!(" {}", jwk["x"].as_str().unwrap()),
        String::new(),
    ] {
        assert_eq!(Jwk::parse(&with(&jwk, "x", json!(bad))), Err(JwkError::Malformed("x")));
    }
    // Off the curve, beyond the field, and the point at infinity's would-be coordinates.
    let off = with(&jwk, "y", jwk["x"].clone());
    let beyond = with(&jwk, "x", json!(base64url::encode([0xff; 32])));
    let zero = json!(base64url::encode([0; 32]));
    let infinity = with(&with(&jwk, "x", zero.clone()), "y", zero);
    for bad in [off, beyond, infinity] {
        assert_eq!(Jwk::parse(&bad), Err(JwkError::NotOnCurve));
    }
}

#[test]
fn a_key_for_something_else_is_refused() {
    for (name, value) in [
        ("alg", json!("ES384")),
        ("alg", json!("ECDH-ES")),
        ("alg", json!(1)),
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!([])),
        ("key_ops", json!("verify")),
    ] {
        assert_eq!(Jwk::parse(&with(&p256(), name, value)), Err(JwkError::Purpose(name)));
    }
    let good = with(&with(&p256(), "key_ops", json!(["verify"])), "kid", json!("anything"));
    assert_eq!(Jwk::parse(&good).unwrap().to_value(), p256());
}

#[test]
fn a_published_key_reads_back() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::new(algorithm, &[5; 32]).unwrap();
        let published = key.public_jwk().to_published();
        assert_eq!(published["kid"], key.key_id());
        assert_eq!(&Jwk::parse(&published).unwrap(), key.public_jwk());
    }
}

#[test]
fn points_of_small_order_are_no_keys() {
    // Any signature verifies under them, so whoever binds a credential to one binds it to everybody.
    for x in SMALL_ORDER {
        let mut bytes: [u8; 32] = hex::decode(x).unwrap().try_into().unwrap();
        assert_eq!(Jwk::from_ed25519(bytes), None, "{x}");
        bytes[31] |= 0x80;
        assert_eq!(Jwk::from_ed25519(bytes), None, "{x}, negative");
    }
}
