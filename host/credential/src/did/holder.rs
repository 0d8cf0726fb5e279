//! Holders' DIDs that are their own document, so that nothing is fetched: did:jwk and did:key.

use chancery_protocol::json::from_slice_strict;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use serde_json::Value;

use crate::jose::{Jwk, JwkError, base64url};

/// Multicodec prefixes, as the unsigned varints they are written in.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];
const P256_PUB: [u8; 2] = [0x80, 0x24];
/// A JWK in canonical JSON: how EBSI writes did:key for natural persons.
const JWK_JCS_PUB: [u8; 3] = [0xd1, 0xd6, 0x03];

/// A DID longer than this holds more than a key.
const MAX_LENGTH: usize = 1024;

/// Why a holder's DID names no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HolderDidError {
    /// Another method, or no DID at all.
    #[error("the kid is no DID URL of the methods did:jwk, did:key and did:web")]
    Method,
    /// Its document was not found, or does not say that its subject authenticates with that key.
    #[error("the DID of the kid has no document that names this key for authentication")]
    Unresolved,
    /// There is no fragment, or it names something else than the one key.
    #[error("the kid does not name the one verification method of its DID")]
    Fragment,
    /// The encoding.
    #[error("the DID is malformed")]
    Malformed,
    /// The key inside.
    #[error(transparent)]
    Key(#[from] JwkError),
}

/// The key that a DID URL names: `did:jwk:…#0`, or `did:key:z…#z…`.
pub fn holder_key(did_url: &str) -> Result<Jwk, HolderDidError> {
    if did_url.len() > MAX_LENGTH {
        return Err(HolderDidError::Malformed);
    }
    let (did, fragment) = did_url.split_once('#').unwrap_or((did_url, ""));
    if let Some(encoded) = did.strip_prefix("did:jwk:") {
        if fragment != "0" {
            return Err(HolderDidError::Fragment);
        }
        jwk(&base64url::decode(encoded).ok_or(HolderDidError::Malformed)?)
    } else if let Some(multibase) = did.strip_prefix("did:key:") {
        if fragment != multibase {
            return Err(HolderDidError::Fragment);
        }
        multibase_key(multibase)
    } else if did.starts_with("did:web:") {
        Err(HolderDidError::Unresolved)
    } else {
        Err(HolderDidError::Method)
    }
}

/// The did:jwk of a key.
pub fn did_jwk(key: &Jwk) -> String {
    format!("did:jwk:{}", base64url::encode(key.to_value().to_string()))
}

fn jwk(json: &[u8]) -> Result<Jwk, HolderDidError> {
    let value: Value = from_slice_strict(json).map_err(|_| HolderDidError::Malformed)?;
    Ok(Jwk::parse(&value)?)
}

/// A key as did:key and Multikey write it: base58btc.
pub(super) fn multibase_key(multibase: &str) -> Result<Jwk, HolderDidError> {
    let base58 = multibase.strip_prefix('z').ok_or(HolderDidError::Malformed)?;
    multikey(&bs58::decode(base58).into_vec().map_err(|_| HolderDidError::Malformed)?)
}

fn multikey(bytes: &[u8]) -> Result<Jwk, HolderDidError> {
    if let Some(key) = bytes.strip_prefix(&ED25519_PUB) {
        let key = key.try_into().map_err(|_| HolderDidError::Malformed)?;
        Jwk::from_ed25519(key).ok_or(HolderDidError::Key(JwkError::NotOnCurve))
    } else if let Some(point) = bytes.strip_prefix(&P256_PUB) {
        // Compressed, and in no other form: one key has one DID.
        if point.len() != 33 {
            return Err(HolderDidError::Malformed);
        }
        let key = p256::PublicKey::from_sec1_bytes(point).map_err(|_| JwkError::NotOnCurve)?;
        let point = key.to_sec1_point(false);
        Jwk::from_p256_point(point.as_bytes()).ok_or(HolderDidError::Key(JwkError::NotOnCurve))
    } else if let Some(json) = bytes.strip_prefix(&JWK_JCS_PUB) {
        jwk(json)
    } else {
        Err(HolderDidError::Key(JwkError::Unsupported))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    fn url_of(jwk: &Value) -> String {
        format!("did:jwk:{}#0", base64url::encode(jwk.to_string()))
    }

    fn did_key(codec: &[u8], key: &[u8]) -> String {
        let multibase = format!("z{}", bs58::encode([codec, key].concat()).into_string());
        format!("did:key:{multibase}#{multibase}")
    }

    /// Examples of the did:key and did:jwk specifications.
    #[test]
    fn published_examples_resolve() {
        let p256 = "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169";
        let expected = serde_json::json!({
            "kty": "EC", "crv": "P-256",
            "x": "fyNYMN0976ci7xqiSdag3buk-ZCwgXU4kz9XNkBlNUI",
            "y": "hW2ojTNfH7Jbi8--CJUo3OCbH3y5n91g-IMA9MLMbTU",
        });
        assert_eq!(holder_key(&format!("did:key:{p256}#{p256}")).unwrap().to_value(), expected);
        let ed25519 = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        assert!(holder_key(&format!("did:key:{ed25519}#{ed25519}")).is_ok());
        let jwk = "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9#0";
        assert_eq!(holder_key(jwk).unwrap().to_value()["x"], "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0");
    }

    #[test]
    fn each_form_names_the_same_key() {
        let p256 = SigningKey::es256(&[1; 32]).unwrap();
        let ed25519 = SigningKey::ed25519(&[1; 32]).unwrap();
        let compressed = p256::PublicKey::from_sec1_bytes(&p256.public_jwk().raw_public_key())
            .unwrap()
            .to_sec1_point(true)
            .as_bytes()
            .to_vec();
        for (key, did) in [
            (&p256, url_of(&p256.public_jwk().to_value())),
            (&p256, did_key(&P256_PUB, &compressed)),
            (&p256, did_key(&JWK_JCS_PUB, p256.public_jwk().to_value().to_string().as_bytes())),
            (&ed25519, url_of(&ed25519.public_jwk().to_value())),
            (&ed25519, did_key(&ED25519_PUB, &ed25519.public_jwk().raw_public_key())),
        ] {
            assert_eq!(&holder_key(&did).unwrap(), key.public_jwk(), "{did}");
        }
    }

    #[test]
    fn what_names_no_one_key_is_refused() {
        let key = SigningKey::es256(&[1; 32]).unwrap();
        let good = url_of(&key.public_jwk().to_value());
        let bare = good.trim_end_matches("#0");
        let uncompressed = key.public_jwk().raw_public_key();
        let mut private = key.public_jwk().to_value();
        private["d"] = "AQ".into();
        for (did, error) in [
            (bare.to_owned(), HolderDidError::Fragment),
            (format!("{bare}#1"), HolderDidError::Fragment),
            (format!("{bare}?versionId=1#0"), HolderDidError::Malformed),
            ("did:web:h.example#0".to_owned(), HolderDidError::Unresolved),
            ("did:ebsi:zAbc#0".to_owned(), HolderDidError::Method),
            ("https://h.example/key".to_owned(), HolderDidError::Method),
            (String::new(), HolderDidError::Method),
            ("did:key:zA#zB".to_owned(), HolderDidError::Fragment),
            ("did:key:mAA#mAA".to_owned(), HolderDidError::Malformed),
            ("did:key:z0OIl#z0OIl".to_owned(), HolderDidError::Malformed),
            (did_key(&P256_PUB, &uncompressed), HolderDidError::Malformed),
            (
                did_key(&P256_PUB, &[&[2], [0xff; 32].as_slice()].concat()),
                HolderDidError::Key(JwkError::NotOnCurve),
            ),
            (did_key(&ED25519_PUB, &[0; 32]), HolderDidError::Key(JwkError::NotOnCurve)),
            (did_key(&[0xe7, 0x01], &[2; 33]), HolderDidError::Key(JwkError::Unsupported)),
            (url_of(&private), HolderDidError::Key(JwkError::Private)),
            (url_of(&Value::Null), HolderDidError::Key(JwkError::Malformed("the object"))),
            ("did:jwk:e30=#0".to_owned(), HolderDidError::Malformed),
            (format!("did:key:z{0}#z{0}", "1".repeat(2000)), HolderDidError::Malformed),
        ] {
            assert_eq!(holder_key(&did).unwrap_err(), error, "{did}");
        }
    }
}
