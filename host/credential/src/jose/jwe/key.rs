//! Keys for encryption: P-256, and for nothing else.

use std::fmt;

use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use chancery_domain::{Random, random_bytes};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::KEY_AGREEMENT;
use crate::jose::{Jwk, JwkError};
use crate::keys::derive::{Secret, first_scalar};

/// A public key that something is encrypted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientKey {
    key: Jwk,
    key_id: Option<String>,
}

impl RecipientKey {
    /// Reads a JWK whose `alg` says that it is for ECDH-ES (OpenID4VCI §8.2), with its `kid`.
    pub fn parse(value: &Value) -> Result<Self, JwkError> {
        if value.get("alg").and_then(Value::as_str) != Some(KEY_AGREEMENT) {
            return Err(JwkError::Purpose("alg"));
        }
        if value.get("use").is_some_and(|key_use| key_use != "enc") {
            return Err(JwkError::Purpose("use"));
        }
        let key_id = match value.get("kid") {
            None => None,
            Some(Value::String(key_id)) => Some(key_id.clone()),
            Some(_) => return Err(JwkError::Malformed("kid")),
        };
        Ok(Self { key_id, ..Self::of(value)? })
    }

    /// Reads an ephemeral key: the point alone.
    pub(super) fn parse_point(value: &Value) -> Option<Self> {
        Self::of(value).ok()
    }

    fn of(value: &Value) -> Result<Self, JwkError> {
        let mut value = value.clone();
        let members = value.as_object_mut().ok_or(JwkError::Malformed("the object"))?;
        if members.get("crv").and_then(Value::as_str) != Some("P-256") {
            return Err(JwkError::Unsupported);
        }
        // What is said of the purpose was read; to `Jwk`, every key is one that verifies.
        for member in ["alg", "use", "key_ops"] {
            members.swap_remove(member);
        }
        Ok(Self { key: Jwk::parse(&value)?, key_id: None })
    }

    /// What the sender names the key by.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    pub(super) fn to_value(&self) -> Value {
        self.key.to_value()
    }
}

/// A private key that opens what was encrypted for it; wiped when dropped.
pub struct DecryptionKey {
    private: PrivateKey,
    public: Jwk,
    key_id: String,
}

impl DecryptionKey {
    /// A new key.
    pub fn random(random: &dyn Random) -> Self {
        Self::from_scalar(&first_scalar(|_| Zeroizing::new(random_bytes(random))))
    }

    /// From a private scalar that [`first_scalar`] let through.
    pub(crate) fn from_scalar(scalar: &Secret) -> Self {
        #[expect(clippy::expect_used, reason = "a scalar in [1, n-1] is a private key, and has a public one")]
        let (private, public) = {
            let private = PrivateKey::from_private_key(&ECDH_P256, scalar.as_slice()).expect("a private key");
            let point = private.compute_public_key().expect("a public key");
            let public = Jwk::from_p256_point(point.as_ref()).expect("a point of the curve");
            (private, public)
        };
        Self { private, key_id: public.thumbprint(), public }
    }

    /// What senders name it by: its thumbprint.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The public half.
    pub fn public(&self) -> RecipientKey {
        RecipientKey { key: self.public.clone(), key_id: Some(self.key_id.clone()) }
    }

    /// The public half as senders read it: with `use`, `alg` and `kid`.
    pub fn to_published(&self) -> Value {
        let mut value = json!({ "kid": self.key_id, "use": "enc", "alg": KEY_AGREEMENT });
        if let (Some(members), Value::Object(key)) = (value.as_object_mut(), self.public.to_value()) {
            members.extend(key);
        }
        value
    }

    /// The shared secret. aws-lc refuses points that are not on the curve.
    pub(super) fn agree(&self, other: &RecipientKey) -> Option<Secret> {
        let point = UnparsedPublicKey::new(&ECDH_P256, other.key.raw_public_key());
        agreement::agree(&self.private, point, (), |secret| {
            <[u8; 32]>::try_from(secret).map(Zeroizing::new).map_err(|_| ())
        })
        .ok()
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}
