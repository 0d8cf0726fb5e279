//! The keys of an OpenID Provider, as its `jwks_uri` lists them.

use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use chancery_protocol::json::from_slice_strict;
use serde_json::Value;

use super::InvalidIdToken;
use crate::jose::{Jwk, base64url};

/// How many keys of one provider are looked at.
const MOST: usize = 32;

/// What a provider signs with: the algorithm, or no word of an RSA key's.
#[derive(Debug, Clone, Default)]
pub struct ProviderKeys(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    kid: Option<String>,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<String>,
    key: Key,
}

#[derive(Debug, Clone)]
enum Key {
    /// P-256 or Ed25519.
    Ours(Jwk),
    /// The uncompressed point.
    P384(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl ProviderKeys {
    /// Reads a key set. What is for something else, or of a kind that is not known here, is left out.
    pub fn read(document: &[u8]) -> Option<Self> {
        let document: Value = from_slice_strict(document).ok()?;
        let keys = document.get("keys")?.as_array()?;
        Some(Self(keys.iter().take(MOST).filter_map(Entry::read).collect()))
    }

    /// Whether one of the keys made the signature. One without a name is looked for among all that fit, if the token
    /// names none either (OpenID Connect Core §10.1).
    pub(super) fn verify(
        &self,
        algorithm: &str,
        kid: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidIdToken> {
        if !ALGORITHMS.contains(&algorithm) {
            return Err(InvalidIdToken::Algorithm);
        }
        let fits = |entry: &&Entry| {
            entry.is_for(algorithm) && kid.is_none_or(|kid| entry.kid.as_deref().is_none_or(|own| own == kid))
        };
        let mut fitting = self.0.iter().filter(fits).peekable();
        if fitting.peek().is_none() {
            return Err(InvalidIdToken::UnknownKey);
        }
        let verified = fitting.any(|entry| entry.key.verifies(algorithm, message, signature));
        if verified { Ok(()) } else { Err(InvalidIdToken::Signature) }
    }
}

/// All that are accepted. `none` and the symmetric ones are not: with `HS256` whoever knows the client's secret, or takes
/// a public key for one, could make any token.
const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

impl Entry {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        if value.get("use").is_some_and(|key_use| key_use != "sig") {
            return None;
        }
        let bytes = |name: &str| base64url::decode(text(name)?);
        let key = match (text("kty")?, text("crv")) {
            // A private key that was published is nobody's in particular.
            _ if value.get("d").is_some() => return None,
            ("RSA", _) => Key::Rsa { n: stripped(&bytes("n")?), e: stripped(&bytes("e")?) },
            ("EC", Some("P-384")) => {
                let point = [&[4], bytes("x")?.as_slice(), bytes("y")?.as_slice()].concat();
                ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &point).ok()?;
                Key::P384(point)
            }
            _ => Key::Ours(Jwk::parse(value).ok()?),
        };
        Some(Self { kid: text("kid").map(str::to_owned), algorithm: text("alg").map(str::to_owned), key })
    }

    fn is_for(&self, algorithm: &str) -> bool {
        let may = match &self.key {
            Key::Ours(key) => key.algorithm().as_str() == algorithm,
            Key::P384(_) => algorithm == "ES384",
            Key::Rsa { .. } => rsa(algorithm).is_some(),
        };
        may && self.algorithm.as_deref().is_none_or(|own| own == algorithm)
    }
}

impl Key {
    fn verifies(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ours(key) => key.verifies(message, signature),
            Self::P384(point) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature).is_ok()
            }
            // Less than 2048 bits are refused by the parameters.
            Self::Rsa { n, e } => rsa(algorithm).is_some_and(|parameters| {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }),
        }
    }
}

fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "PS384" => &RSA_PSS_2048_8192_SHA384,
        "PS512" => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// Some write a leading zero, which RFC 7518 §6.3.1.1 does not want.
fn stripped(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}
