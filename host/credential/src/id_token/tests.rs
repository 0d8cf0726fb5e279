//! What passes for an ID token, and what does not.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding,
};
use serde_json::json;

use super::*;
use crate::keys::SigningKey;
use crate::testing::{NOW, assert_no_hostile_form_passes_but, now_or_never};

const PROVIDER: &str = "https://op.example/realm";
const CLIENT: &str = "chancery";

fn expected() -> IdTokenExpectations<'static> {
    IdTokenExpectations { issuer: PROVIDER, client_id: CLIENT, nonce: "n-1", now: NOW }
}

fn claims() -> Map<String, Value> {
    let at = NOW.unix_timestamp();
    let claims = json!({
        "iss": PROVIDER, "sub": "248289761001", "aud": CLIENT, "nonce": "n-1", "iat": at, "exp": at + 300,
        "given_name": "Ada",
    });
    claims.as_object().unwrap().clone()
}

fn key(byte: u8) -> SigningKey {
    SigningKey::es256(&[byte; 32]).unwrap()
}

fn set(keys: &[Value]) -> ProviderKeys {
    ProviderKeys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn keys() -> ProviderKeys {
    set(&[key(2).public_jwk().to_published(), key(1).public_jwk().to_published()])
}

fn signed(claims: &Map<String, Value>, key: &SigningKey) -> String {
    let header = Map::from_iter([("kid".to_owned(), json!(key.public_jwk().thumbprint()))]);
    now_or_never(crate::jose::sign("JWT", header, claims, key)).unwrap()
}

fn compact(header: &Value, claims: &Map<String, Value>, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let input = format!(
        "{}.{}",
        base64url::encode(header.to_string()),
        base64url::encode(Value::from(claims.clone()).to_string())
    );
    let signature = sign(input.as_bytes());
    format!("{input}.{}", base64url::encode(signature))
}

#[test]
fn a_token_of_the_provider_is_read() {
    for one in [1, 2] {
        let read = verify_id_token(&signed(&claims(), &key(one)), &keys(), &expected()).unwrap();
        assert_eq!(read["given_name"], "Ada");
    }
    let unnamed = now_or_never(crate::jose::sign("JWT", Map::new(), &claims(), &key(1))).unwrap();
    assert!(verify_id_token(&unnamed, &keys(), &expected()).is_ok());
    let other = verify_id_token(&signed(&claims(), &key(3)), &keys(), &expected());
    assert_eq!(other.unwrap_err(), InvalidIdToken::UnknownKey);
}

#[test]
fn rsa_and_the_larger_curve_are_read_too() {
    let rsa = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let parts: PublicKeyComponents<Vec<u8>> = rsa.public_key().into();
    let n = base64url::encode([&[0], parts.n.as_slice()].concat());
    let jwk = |alg: Value| json!({ "kty": "RSA", "kid": "r", "alg": alg, "n": n, "e": base64url::encode(&parts.e) });
    let any = {
        let mut any = jwk(json!(null));
        any.as_object_mut().unwrap().swap_remove("alg");
        any
    };
    let sign = |algorithm: &str, encoding: &'static dyn RsaEncoding| {
        compact(&json!({ "alg": algorithm, "kid": "r" }), &claims(), |message| {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
            signature
        })
    };
    let (pkcs1, pss) = (sign("RS256", &RSA_PKCS1_SHA256), sign("PS256", &RSA_PSS_SHA256));
    for token in [&pkcs1, &pss] {
        assert!(verify_id_token(token, &set(std::slice::from_ref(&any)), &expected()).is_ok());
    }
    // A key that says what it is for, is for nothing else.
    let only = set(&[jwk(json!("RS256"))]);
    assert!(verify_id_token(&pkcs1, &only, &expected()).is_ok());
    assert_eq!(verify_id_token(&pss, &only, &expected()).unwrap_err(), InvalidIdToken::UnknownKey);
    let crossed = sign("RS256", &RSA_PSS_SHA256);
    assert_eq!(verify_id_token(&crossed, &only, &expected()).unwrap_err(), InvalidIdToken::Signature);

    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
    let jwk = json!({ "kty": "EC", "crv": "P-384", "x": base64url::encode(x), "y": base64url::encode(y) });
    let token = compact(&json!({ "alg": "ES384" }), &claims(), |message| {
        pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    });
    assert!(verify_id_token(&token, &set(&[jwk]), &expected()).is_ok());
}

#[test]
fn nothing_symmetric_and_nothing_unsigned_is_read() {
    let hs256 = |secret: &[u8]| {
        let secret = secret.to_vec();
        compact(&json!({ "alg": "HS256" }), &claims(), move |message| {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
            aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec()
        })
    };
    let published = key(1).public_jwk().to_value().to_string();
    for token in [
        compact(&json!({ "alg": "none" }), &claims(), |_| Vec::new()),
        compact(&json!({ "alg": "None" }), &claims(), |_| Vec::new()),
        hs256(b"the client's secret"),
        hs256(published.as_bytes()),
    ] {
        let refused = verify_id_token(&token, &keys(), &expected());
        assert_eq!(refused.unwrap_err(), InvalidIdToken::Algorithm);
    }
    let oct = set(&[json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" })]);
    assert_eq!(verify_id_token(&hs256(b"secret"), &oct, &expected()).unwrap_err(), InvalidIdToken::Algorithm);
}

#[test]
fn no_hostile_form_of_a_token_passes() {
    let header = json!({ "alg": "ES256", "typ": "JWT", "kid": key(1).public_jwk().thumbprint() });
    // A token may be of no type, or of the plain one; certificates in it are not looked at.
    let tolerated = ["typ \"JWT\"", "no typ", "x5c \"x\"", "x5c []"];
    let accepts = |token: &str| verify_id_token(token, &keys(), &expected()).is_ok();
    assert_no_hostile_form_passes_but(&tolerated, (&header, &Value::from(claims())), &[1; 32], accepts);
}

#[test]
fn every_claim_counts() {
    use InvalidIdToken as I;
    let at = NOW.unix_timestamp();
    for (name, wrong, why) in [
        ("iss", json!("https://op.example/realm/"), I::Claim("iss")),
        ("iss", json!("https://evil.example"), I::Claim("iss")),
        ("aud", json!("another"), I::Claim("aud")),
        ("aud", json!([]), I::Claim("aud")),
        ("aud", json!(["another"]), I::Claim("aud")),
        ("aud", json!([CLIENT, "another"]), I::Claim("aud")),
        ("azp", json!("another"), I::Claim("azp")),
        ("nonce", json!("n-2"), I::Claim("nonce")),
        ("nonce", Value::Null, I::Claim("nonce")),
        ("sub", json!(""), I::Claim("sub")),
        ("sub", json!("x".repeat(256)), I::Claim("sub")),
        ("exp", json!(at - 61), I::Age),
        ("exp", json!("soon"), I::Claim("exp")),
        ("iat", json!(at - 601), I::Age),
        ("iat", json!(at + 61), I::Age),
        ("nbf", json!(at + 61), I::Age),
    ] {
        let mut claims = claims();
        claims.insert(name.to_owned(), wrong.clone());
        let refused = verify_id_token(&signed(&claims, &key(1)), &keys(), &expected());
        assert_eq!(refused.unwrap_err(), why, "{name}: {wrong}");
        claims.swap_remove(name);
        let without = verify_id_token(&signed(&claims, &key(1)), &keys(), &expected());
        assert_eq!(without.is_ok(), matches!(name, "azp" | "nbf"), "without {name}");
    }
    let mut several = claims();
    several.extend([("aud".to_owned(), json!([CLIENT, "another"])), ("azp".to_owned(), json!(CLIENT))]);
    assert!(verify_id_token(&signed(&several, &key(1)), &keys(), &expected()).is_ok());
}

#[test]
fn what_is_signed_for_another_purpose_is_no_id_token() {
    for typ in ["at+jwt", "logout+jwt", "dpop+jwt"] {
        let other = now_or_never(crate::jose::sign(typ, Map::new(), &claims(), &key(1))).unwrap();
        assert_eq!(verify_id_token(&other, &keys(), &expected()).unwrap_err(), InvalidIdToken::Form);
    }
    let critical = Map::from_iter([("crit".to_owned(), json!(["x"]))]);
    let critical = now_or_never(crate::jose::sign("JWT", critical, &claims(), &key(1))).unwrap();
    assert_eq!(verify_id_token(&critical, &keys(), &expected()).unwrap_err(), InvalidIdToken::Form);
    let encryption = set(&[{
        let mut jwk = key(1).public_jwk().to_published();
        jwk["use"] = json!("enc");
        jwk
    }]);
    let token = signed(&claims(), &key(1));
    assert_eq!(verify_id_token(&token, &encryption, &expected()).unwrap_err(), InvalidIdToken::UnknownKey);
    for nothing in ["", "a", "a.b", "a.b.c", "....", &token[1..]] {
        assert!(verify_id_token(nothing, &keys(), &expected()).is_err(), "{nothing}");
    }
}
