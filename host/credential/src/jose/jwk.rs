//! Public keys: P-256 and Ed25519.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::ser::{Serialize, Serializer};
use serde_json::{Value, json};

use super::base64url;
use crate::keys::Algorithm;

/// A public key that lies on its curve.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Jwk(Key);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    P256 { x: [u8; 32], y: [u8; 32] },
    Ed25519 { x: [u8; 32] },
}

/// Why a JWK was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// Neither an object nor complete.
    #[error("a JWK member is missing or malformed: {0}")]
    Malformed(&'static str),
    /// It holds a private or symmetric key.
    #[error("the JWK holds a private key")]
    Private,
    /// Another key type or curve.
    #[error("the key is neither P-256 nor Ed25519")]
    Unsupported,
    /// `alg`, `use` or `key_ops` say that it is for something else.
    #[error("the JWK is meant for something else: {0}")]
    Purpose(&'static str),
    /// The point is not on the curve.
    #[error("the key is not a point of its curve")]
    NotOnCurve,
}

/// Members of private and symmetric keys (RFC 7518 §6, RFC 8037 §2, RFC 9964 for `priv`).
const PRIVATE_MEMBERS: [&str; 10] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "r", "priv"];

impl Jwk {
    /// Reads a JWK. Members that say nothing about the key (`kid`, `x5c`, …) are ignored.
    pub fn parse(value: &Value) -> Result<Self, JwkError> {
        let members = value.as_object().ok_or(JwkError::Malformed("the object"))?;
        if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(JwkError::Private);
        }
        let text =
            |name: &'static str| members.get(name).and_then(Value::as_str).ok_or(JwkError::Malformed(name));
        let coordinate = |name: &'static str| -> Result<[u8; 32], JwkError> {
            let bytes = base64url::decode(text(name)?).ok_or(JwkError::Malformed(name))?;
            bytes.try_into().map_err(|_| JwkError::Malformed(name))
        };
        let kty = text("kty")?;
        let key = match (kty, members.get("crv").and_then(Value::as_str)) {
            ("EC", Some("P-256")) => Key::P256 { x: coordinate("x")?, y: coordinate("y")? },
            ("OKP", Some("Ed25519")) => Key::Ed25519 { x: coordinate("x")? },
            ("oct", _) => return Err(JwkError::Private),
            _ => return Err(JwkError::Unsupported),
        };
        let jwk = Self(key);
        if members.get("alg").is_some_and(|alg| alg != jwk.algorithm().as_str()) {
            return Err(JwkError::Purpose("alg"));
        }
        if members.get("use").is_some_and(|key_use| key_use != "sig") {
            return Err(JwkError::Purpose("use"));
        }
        if members.get("key_ops").is_some_and(|operations| {
            !operations.as_array().is_some_and(|operations| operations.iter().any(|one| one == "verify"))
        }) {
            return Err(JwkError::Purpose("key_ops"));
        }
        if jwk.is_on_curve() { Ok(jwk) } else { Err(JwkError::NotOnCurve) }
    }

    /// A P-256 key from the 65 bytes of its uncompressed point.
    pub fn from_p256_point(point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[4])?.split_at_checked(32)?;
        let jwk = Self(Key::P256 { x: x.try_into().ok()?, y: y.try_into().ok()? });
        jwk.is_on_curve().then_some(jwk)
    }

    /// An Ed25519 key from its 32 bytes.
    pub fn from_ed25519(x: [u8; 32]) -> Option<Self> {
        let jwk = Self(Key::Ed25519 { x });
        jwk.is_on_curve().then_some(jwk)
    }

    /// The one algorithm that this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Key::P256 { .. } => Algorithm::Es256,
            Key::Ed25519 { .. } => Algorithm::EdDsa,
        }
    }

    /// The members that make the key, and no others.
    pub fn to_value(&self) -> Value {
        match &self.0 {
            Key::P256 { x, y } => json!({
                "kty": "EC", "crv": "P-256", "x": base64url::encode(x), "y": base64url::encode(y),
            }),
            Key::Ed25519 { x } => json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(x) }),
        }
    }

    /// The key as an entry of a key set: with `use`, `alg` and the thumbprint as `kid`.
    pub fn to_published(&self) -> Value {
        let mut value = self.to_value();
        if let Some(members) = value.as_object_mut() {
            members.insert("use".into(), "sig".into());
            members.insert("alg".into(), self.algorithm().as_str().into());
            members.insert("kid".into(), self.thumbprint().into());
        }
        value
    }

    /// SHA-256 of the required members in lexicographic order (RFC 7638), base64url.
    pub fn thumbprint(&self) -> String {
        let canonical = match &self.0 {
            Key::P256 { x, y } => format!(
                r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                base64url::encode(x),
                base64url::encode(y)
            ),
            Key::Ed25519 { x } => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(x))
            }
        };
        base64url::encode(digest(&SHA256, canonical.as_bytes()))
    }

    /// Whether `signature` is this key's over `message`. For ES256 the 64 bytes r ‖ s:
    /// a DER signature is none.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.verification(), self.raw_public_key()).verify(message, signature).is_ok()
    }

    /// The uncompressed point, or the 32 bytes of an Ed25519 key.
    pub(crate) fn raw_public_key(&self) -> Vec<u8> {
        match &self.0 {
            Key::P256 { x, y } => [&[4], x.as_slice(), y.as_slice()].concat(),
            Key::Ed25519 { x } => x.to_vec(),
        }
    }

    fn verification(&self) -> &'static dyn VerificationAlgorithm {
        match self.0 {
            Key::P256 { .. } => &ECDSA_P256_SHA256_FIXED,
            Key::Ed25519 { .. } => &ED25519,
        }
    }

    fn is_on_curve(&self) -> bool {
        match self.0 {
            Key::P256 { .. } => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.raw_public_key()).is_ok(),
            Key::Ed25519 { x } => {
                !is_small_order(&x) && ParsedPublicKey::new(&ED25519, self.raw_public_key()).is_ok()
            }
        }
    }
}

/// The eight points of small order on Curve25519, by their y-coordinate, canonical or not.
///
/// Anybody can make signatures that verify under them: a credential bound to one would be
/// everybody's.
pub(super) const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
];

fn is_small_order(x: &[u8; 32]) -> bool {
    let mut y = *x;
    // The highest bit is the sign of the other coordinate.
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    SMALL_ORDER.contains(&hex::encode(y).as_str())
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jwk({})", self.thumbprint())
    }
}
