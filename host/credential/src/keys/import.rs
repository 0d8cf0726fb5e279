//! Private keys that somebody brings, as JWK (RFC 7517); what could not be relied on is refused.

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;
use zeroize::Zeroizing;

use super::derive::Secret;
use super::{Algorithm, SigningKey};
use crate::jose::base64url;

/// A private key that was brought, on its way into a sealed blob.
pub struct PrivateKey {
    algorithm: Algorithm,
    bytes: Secret,
}

/// Why a private key was refused. None of these says anything about the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportRefused {
    /// Not an object, or without the members of a key.
    #[error("it is not a JWK of an EC key on P-256 or an OKP key on Ed25519")]
    Unsupported,
    /// There is only a public key.
    #[error("its private member `d` is missing")]
    Public,
    /// `d` is no private key of the curve.
    #[error("its private member `d` is not 32 bytes in base64url, or no private key of the curve")]
    Malformed,
    /// Public and private half are of two keys.
    #[error("its public members are not those of its private key")]
    Mismatch,
    /// It says of itself that it is for something else.
    #[error("its `alg`, `use` or `key_ops` say that it is not for signatures with ES256 or EdDSA")]
    Purpose,
    /// Nobody drew these bytes at random.
    #[error("it is weak: it was not drawn at random")]
    Weak,
}

/// Of 32 random bytes fewer differ about once in 10^30 keys.
const DISTINCT_BYTES: usize = 16;

impl PrivateKey {
    /// Reads a private JWK.
    pub fn from_jwk(value: &Value) -> Result<Self, ImportRefused> {
        let members = value.as_object().ok_or(ImportRefused::Unsupported)?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let algorithm = match (text("kty"), text("crv")) {
            (Some("EC"), Some("P-256")) => Algorithm::Es256,
            (Some("OKP"), Some("Ed25519")) => Algorithm::EdDsa,
            _ => return Err(ImportRefused::Unsupported),
        };
        let d = members.get("d").ok_or(ImportRefused::Public)?.as_str().ok_or(ImportRefused::Malformed)?;
        let d = Zeroizing::new(base64url::decode(d).ok_or(ImportRefused::Malformed)?);
        let bytes = <[u8; 32]>::try_from(d.as_slice()).map_err(|_| ImportRefused::Malformed)?;
        let key = Self { algorithm, bytes: Zeroizing::new(bytes) };
        if !key.looks_random() {
            return Err(ImportRefused::Weak);
        }
        let signing = key.signing_key().ok_or(ImportRefused::Malformed)?;
        key.agrees_with(members, &signing)?;
        Ok(key)
    }

    /// The same from the bytes that [`PrivateKey::bytes`] gave.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        let bytes = <[u8; 32]>::try_from(bytes).ok()?;
        Some(Self { algorithm, bytes: Zeroizing::new(bytes) })
    }

    /// What is sealed.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The key that signs; none if the bytes are no private key.
    pub fn signing_key(&self) -> Option<SigningKey> {
        SigningKey::new(self.algorithm, &self.bytes).ok()
    }

    /// A small number, a repeated byte, a counter and a text have few different bytes or only steps between them.
    fn looks_random(&self) -> bool {
        let distinct: HashSet<u8> = self.bytes.iter().copied().collect();
        let steps: HashSet<u8> = self
            .bytes
            .iter()
            .zip(self.bytes.iter().skip(1))
            .map(|(one, next)| next.wrapping_sub(*one))
            .collect();
        let is_text = self.bytes.iter().all(u8::is_ascii);
        distinct.len() >= DISTINCT_BYTES && steps.len() >= DISTINCT_BYTES && !is_text
    }

    fn agrees_with(
        &self,
        members: &serde_json::Map<String, Value>,
        signing: &SigningKey,
    ) -> Result<(), ImportRefused> {
        let public = signing.public_jwk().to_value();
        for coordinate in ["x", "y"] {
            if members.get(coordinate) != public.get(coordinate) {
                return Err(ImportRefused::Mismatch);
            }
        }
        let signs = |operations: &Value| {
            operations.as_array().is_some_and(|all| all.iter().any(|operation| operation == "sign"))
        };
        let is_for_this = members.get("alg").is_none_or(|alg| alg == self.algorithm.as_str())
            && members.get("use").is_none_or(|key_use| key_use == "sig")
            && members.get("key_ops").is_none_or(signs);
        if is_for_this { Ok(()) } else { Err(ImportRefused::Purpose) }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use chancery_domain::random_bytes;

    use super::*;
    use crate::SystemRandom;

    fn jwk(algorithm: Algorithm, bytes: &[u8; 32]) -> Value {
        let mut jwk = SigningKey::new(algorithm, bytes).unwrap().public_jwk().to_value();
        jwk["d"] = base64url::encode(bytes).into();
        jwk
    }

    #[test]
    fn a_key_that_was_brought_is_the_key_that_signs() {
        for algorithm in Algorithm::ALL {
            let bytes: [u8; 32] = random_bytes(&SystemRandom);
            let key = PrivateKey::from_jwk(&jwk(algorithm, &bytes)).unwrap();
            let again = PrivateKey::from_bytes(algorithm, key.bytes()).unwrap();
            let expected = SigningKey::new(algorithm, &bytes).unwrap();
            assert_eq!(again.signing_key().unwrap().key_id(), expected.key_id());
            assert_eq!(format!("{key:?}"), "PrivateKey(..)");
        }
    }

    #[test]
    fn what_cannot_be_relied_on_is_refused() {
        use ImportRefused::*;
        let good = jwk(Algorithm::Es256, &random_bytes(&SystemRandom));
        let with = |member: &str, value: Value| {
            let mut changed = good.clone();
            changed[member] = value;
            PrivateKey::from_jwk(&changed).unwrap_err()
        };
        assert_eq!(with("kty", "RSA".into()), Unsupported);
        assert_eq!(with("crv", "P-384".into()), Unsupported);
        assert_eq!(with("d", "AAAA".into()), Malformed);
        assert_eq!(with("d", 7.into()), Malformed);
        assert_eq!(with("x", jwk(Algorithm::Es256, &random_bytes(&SystemRandom))["x"].clone()), Mismatch);
        assert_eq!(with("alg", "ES384".into()), Purpose);
        assert_eq!(with("use", "enc".into()), Purpose);
        assert_eq!(with("key_ops", serde_json::json!(["verify"])), Purpose);
        let mut public = good.clone();
        public.as_object_mut().unwrap().swap_remove("d");
        assert_eq!(PrivateKey::from_jwk(&public).unwrap_err(), Public);
        assert_eq!(PrivateKey::from_jwk(&Value::Null).unwrap_err(), Unsupported);

        let mut one = [0; 32];
        one[31] = 1;
        let counter: [u8; 32] = std::array::from_fn(|at| u8::try_from(at + 1).unwrap());
        for weak in [one, [7; 32], counter, *b"the quick brown fox jumps over a"] {
            for algorithm in Algorithm::ALL {
                assert_eq!(PrivateKey::from_jwk(&jwk(algorithm, &weak)).unwrap_err(), Weak);
            }
        }
    }
}
