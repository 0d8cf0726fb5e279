//! JWEs that are sound, changed, and made to hurt.

use super::*;
use crate::SystemRandom;

fn key(byte: u8) -> DecryptionKey {
    DecryptionKey::from_scalar(&Zeroizing::new([byte; 32]))
}

const MOST: usize = 1 << 16;

fn sealed(key: &DecryptionKey) -> String {
    encrypt(&key.public(), ContentEncryption::A256Gcm, false, b"{}", &SystemRandom).unwrap()
}

/// The same JWE with another header.
fn with_header(jwe: &str, change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let (header, rest) = jwe.split_once('.').unwrap();
    let mut header: Map<String, Value> = serde_json::from_slice(&base64url::decode(header).unwrap()).unwrap();
    change(&mut header);
    format!("{}.{rest}", base64url::encode(json!(header).to_string()))
}

#[test]
fn what_is_encrypted_opens_for_whom_it_is_for() {
    for encryption in ContentEncryption::ALL {
        for compress in [false, true] {
            let jwe = encrypt(&key(1).public(), encryption, compress, b"{\"a\":1}", &SystemRandom).unwrap();
            let keys = [key(2), key(1)];
            assert_eq!(decrypt(&jwe, &keys, MOST).unwrap().as_slice(), b"{\"a\":1}");
            assert!(matches!(decrypt(&jwe, &[key(2)], MOST), Err(JweError::UnknownKey)));
            let unnamed = with_header(&jwe, |header| drop(header.swap_remove("kid")));
            assert!(decrypt(&unnamed, &keys, MOST).is_err(), "the header is authenticated");
        }
    }
}

/// RFC 7518, appendix C.
#[test]
fn the_key_of_the_specifications_example_is_agreed_on() {
    let scalar = base64url::decode("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw").unwrap();
    let bob = DecryptionKey::from_scalar(&Zeroizing::new(scalar.try_into().unwrap()));
    let alice = RecipientKey::parse_point(&json!({
        "kty": "EC", "crv": "P-256",
        "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
        "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    }))
    .unwrap();
    let agreed = Agreed { encryption: ContentEncryption::A128Gcm, apu: b"Alice", apv: b"Bob" };
    let key = agree(&bob, &alice, &agreed).unwrap();
    assert_eq!(base64url::encode(key.as_slice()), "VqqN6vgjbSBcIijNcacQGg");
}

#[test]
fn every_changed_bit_is_noticed() {
    let jwe = sealed(&key(1));
    let parts: Vec<&str> = jwe.split('.').collect();
    for (place, part) in parts.iter().enumerate() {
        let bytes = base64url::decode(part).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            let mut parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
            parts[place] = base64url::encode(&changed);
            assert!(decrypt(&parts.join("."), &[key(1)], MOST).is_err(), "part {place}, byte {position}");
        }
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let jwe = sealed(&key(1));
    let refused = |name: &'static str, value: Value| {
        let changed = with_header(&jwe, |header| drop(header.insert(name.to_owned(), value)));
        decrypt(&changed, &[key(1)], MOST).unwrap_err()
    };
    for (name, value) in [
        ("alg", json!("ECDH-ES+A128KW")),
        ("alg", json!("dir")),
        ("alg", json!("RSA-OAEP-256")),
        ("enc", json!("A128CBC-HS256")),
        ("enc", json!("A192GCM")),
        ("zip", json!("GZIP")),
        ("crit", json!(["exp"])),
    ] {
        let error = refused(name, value);
        assert!(matches!(error, JweError::Unsupported(known) if known == name), "{name}: {error}");
        assert!(error.is_about_parameters());
    }
    let private = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA" });
    let twisted = json!({
        "kty": "EC", "crv": "P-256",
        "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0", "y": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    });
    for epk in [json!({}), json!("x"), private, twisted] {
        assert!(matches!(refused("epk", epk), JweError::Member("epk")));
    }
    assert!(matches!(refused("apu", json!("=")), JweError::Member("apu")));
    assert!(matches!(refused("kid", json!(1)), JweError::Member("kid")));
    for form in ["", "a.b.c", "....", &jwe.replace("..", ".AAAA."), &format!("{jwe}."), &format!("{jwe}=")] {
        assert!(decrypt(form, &[key(1)], MOST).is_err(), "{form}");
    }
}

#[test]
fn what_is_compressed_does_not_explode() {
    let bomb =
        encrypt(&key(1).public(), ContentEncryption::A128Gcm, true, &vec![b' '; 1 << 24], &SystemRandom);
    let bomb = bomb.unwrap();
    assert!(bomb.len() < 1 << 18);
    assert!(matches!(decrypt(&bomb, &[key(1)], MOST), Err(JweError::TooLarge)));
}

#[test]
fn a_key_for_encryption_says_so_and_is_public() {
    let key = key(1);
    let published = key.to_published();
    assert_eq!(RecipientKey::parse(&published).unwrap(), key.public());
    let with = |name: &str, value: Value| {
        let mut changed = published.clone();
        changed[name] = value;
        RecipientKey::parse(&changed)
    };
    assert!(with("alg", json!("ES256")).is_err());
    assert!(with("alg", Value::Null).is_err());
    assert!(with("use", json!("sig")).is_err());
    assert!(with("crv", json!("X25519")).is_err());
    assert!(with("d", json!("AA")).is_err());
    assert!(with("x", json!("AA")).is_err());
    assert!(with("kid", json!(1)).is_err());
}
