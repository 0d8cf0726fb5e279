//! The holder's keys: fresh for every copy, so that copies cannot be linked by them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_credential::{Jwk, SigningKey};
use chancery_domain::{Random, random_bytes};
use serde_json::Value;
use zeroize::Zeroizing;

use super::Wallet;
use super::failure::{ClaimError, Problem, Step};

/// A P-256 key pair of the holder.
pub struct HolderKey {
    scalar: Zeroizing<[u8; 32]>,
    signing: SigningKey,
}

impl HolderKey {
    /// A new key.
    pub fn generate(random: &dyn Random) -> Result<Self, ClaimError> {
        // One scalar in 2³² lies outside [1, n−1]; eight in a row mean broken randomness.
        for _ in 0..8 {
            let scalar = Zeroizing::new(random_bytes(random));
            if let Ok(signing) = SigningKey::es256(&scalar) {
                return Ok(Self { scalar, signing });
            }
        }
        Err(Step::Proof.failed(Problem::Caller("the randomness of this machine is broken".into())))
    }

    /// Reads what [`HolderKey::private_jwk`] wrote.
    pub(super) fn from_private_jwk(jwk: &Value) -> Option<Self> {
        let scalar = Zeroizing::new(URL_SAFE_NO_PAD.decode(jwk.get("d")?.as_str()?).ok()?);
        let scalar = Zeroizing::new(<[u8; 32]>::try_from(scalar.as_slice()).ok()?);
        let signing = SigningKey::es256(&scalar).ok()?;
        Some(Self { scalar, signing })
    }

    /// Signs with the key.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The public half.
    pub fn public_jwk(&self) -> &Jwk {
        self.signing.public_jwk()
    }

    /// The private key as a JWK. For `--out`, and for nothing else.
    pub fn private_jwk(&self) -> Value {
        let mut jwk = self.public_jwk().to_value();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("d".into(), URL_SAFE_NO_PAD.encode(self.scalar.as_slice()).into());
        }
        jwk
    }
}

impl std::fmt::Debug for HolderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HolderKey({})", self.signing.key_id())
    }
}

impl Wallet {
    /// New keys, one for each copy.
    pub fn holder_keys(&self, count: u16) -> Result<Vec<HolderKey>, ClaimError> {
        (0..count).map(|_| HolderKey::generate(self.random.as_ref())).collect()
    }
}
