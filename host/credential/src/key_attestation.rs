//! Key attestations: somebody whom the issuer trusts vouches for how a holder's keys are kept (OpenID4VCI 1.0
//! Appendix D).

use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use crate::jose::{Jwk, JwkError, Jws, JwsError};
use crate::proof::seconds;
use crate::x509::{Anchors, ChainError, verify_leaf};

const TYP: &str = "key-attestation+jwt";
/// Before 1.0 was final.
const DRAFT_TYP: &str = "keyattestation+jwt";
const LEEWAY: Duration = Duration::seconds(60);
/// More than any issuer makes copies.
const MOST_KEYS: usize = 100;

/// Keys that somebody vouches for. Whether its nonce is one of ours is for [`Nonces`](crate::nonces::Nonces) to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAttestation {
    /// The keys, at least one, each with what it is called.
    keys: Vec<(Option<String>, Jwk)>,
    /// The nonce that it was made over, if any.
    pub nonce: Option<String>,
    /// How well the keys are kept.
    pub key_storage: Vec<String>,
    /// How well the user is recognised before one is used.
    pub user_authentication: Vec<String>,
    /// Whether it says when it ends.
    pub ends: bool,
}

impl KeyAttestation {
    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &Jwk> {
        self.keys.iter().map(|(_, key)| key)
    }

    /// The key of that name, if only one has it.
    pub(crate) fn key_named(&self, name: &str) -> Option<&Jwk> {
        let mut named = self.keys.iter().filter(|(known, _)| known.as_deref() == Some(name));
        match (named.next(), named.next()) {
            (Some((_, key)), None) => Some(key),
            _ => None,
        }
    }
}

/// Why a key attestation was refused.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeyAttestation {
    /// The form, the algorithm or the signature.
    #[error("key attestation: {0}")]
    Jws(#[from] JwsError),
    /// `typ`.
    #[error("the type of the key attestation is not key-attestation+jwt")]
    Type,
    /// `x5c` is missing.
    #[error("the key attestation has no certificates (x5c)")]
    NoChain,
    /// Nobody who is trusted vouches.
    #[error("whoever made the key attestation is not trusted: {0}")]
    Untrusted(#[from] ChainError),
    /// An attested key.
    #[error("an attested key is not acceptable: {0}")]
    Key(#[from] JwkError),
    /// A claim is missing or wrong.
    #[error("the claim {0} of the key attestation is missing or wrong")]
    Claim(&'static str),
    /// Over, or from the future.
    #[error("the key attestation is not valid at this time")]
    Age,
    /// It has a status, which nobody here can ask for.
    #[error("the key attestation has a status, which cannot be checked")]
    Status,
}

/// Verifies a key attestation by one of the authorities.
pub fn verify_key_attestation(
    jwt: &str,
    anchors: &Anchors,
    now: OffsetDateTime,
) -> Result<KeyAttestation, InvalidKeyAttestation> {
    let jws = Jws::parse(jwt)?;
    if !matches!(jws.header().typ(), Some(TYP | DRAFT_TYP)) {
        return Err(InvalidKeyAttestation::Type);
    }
    let chain = jws.header().x5c().ok_or(InvalidKeyAttestation::NoChain)?;
    let leaf = verify_leaf(&chain, anchors, now)?;
    let claims = jws.verify_claims(leaf.public_jwk())?;
    let at = now.unix_timestamp();
    let issued_at = time(&claims, "iat")?.ok_or(InvalidKeyAttestation::Claim("iat"))?;
    let expires = time(&claims, "exp")?;
    let early = |from: Option<i64>| from.is_some_and(|from| from > at + LEEWAY.whole_seconds());
    if early(Some(issued_at)) || early(time(&claims, "nbf")?) || expires.is_some_and(|exp| exp <= at) {
        return Err(InvalidKeyAttestation::Age);
    }
    // Somebody may have revoked it; who cannot ask must not believe.
    if claims.contains_key("status") {
        return Err(InvalidKeyAttestation::Status);
    }
    let keys = claims.get("attested_keys").and_then(Value::as_array);
    let keys = keys.filter(|keys| (1..=MOST_KEYS).contains(&keys.len()));
    let keys = keys.ok_or(InvalidKeyAttestation::Claim("attested_keys"))?;
    let key = |value: &Value| {
        let name = value.get("kid").and_then(Value::as_str).map(str::to_owned);
        Ok((name, Jwk::parse(value)?))
    };
    let nonce = match claims.get("nonce") {
        None => None,
        Some(Value::String(nonce)) => Some(nonce.clone()),
        Some(_) => return Err(InvalidKeyAttestation::Claim("nonce")),
    };
    Ok(KeyAttestation {
        keys: keys.iter().map(key).collect::<Result<_, InvalidKeyAttestation>>()?,
        nonce,
        key_storage: levels(&claims, "key_storage")?,
        user_authentication: levels(&claims, "user_authentication")?,
        ends: expires.is_some(),
    })
}

fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, InvalidKeyAttestation> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => seconds(value).map(Some).ok_or(InvalidKeyAttestation::Claim(name)),
    }
}

/// A list of words; not empty, if it is there.
fn levels(claims: &Map<String, Value>, name: &'static str) -> Result<Vec<String>, InvalidKeyAttestation> {
    let Some(levels) = claims.get(name) else { return Ok(Vec::new()) };
    let words = levels.as_array().filter(|words| !words.is_empty());
    let words = words.and_then(|words| words.iter().map(|word| Some(word.as_str()?.to_owned())).collect());
    words.ok_or(InvalidKeyAttestation::Claim(name))
}
