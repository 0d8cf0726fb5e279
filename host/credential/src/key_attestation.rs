//! Key attestations: somebody whom the issuer trusts vouches for how a holder's keys are kept (OpenID4VCI 1.0
//! Appendix D).

use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use crate::jose::{Jwk, JwkError, Jws, JwsError};
use crate::proof::seconds;
use crate::sd_jwt::StatusReference;
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
    /// Where whoever made it says whether it still holds, if they do. Whoever relies on it asks there.
    pub status: Option<StatusReference>,
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
    /// It has a status of another kind than an entry of a Token Status List, which nobody here can ask for.
    #[error("the key attestation has a status that cannot be checked")]
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
    let status = claims.get("status");
    let status = status.map(|status| StatusReference::read(status).ok_or(InvalidKeyAttestation::Status));
    let status = status.transpose()?;
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
        status,
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::Duration;

    use super::*;
    use crate::SystemRandom;
    use crate::keys::SigningKey;
    use crate::testing::{NOW, assert_no_hostile_form_passes, sign_values, with};
    use crate::x509::DevelopmentCa;

    fn attester() -> SigningKey {
        SigningKey::es256(&[1; 32]).unwrap()
    }

    /// An authority, and the certificates of the attester under it.
    fn vouched() -> (Anchors, Value) {
        let ca = DevelopmentCa::generate(NOW, &SystemRandom).unwrap();
        let until = NOW + Duration::days(1);
        let chain = ca.issue_leaf(attester().public_jwk(), "https://attester.example", NOW, until).unwrap();
        (Anchors::from_pem(ca.certificate_pem()).unwrap(), json!(chain.x5c()))
    }

    fn claims() -> Value {
        let holder = SigningKey::es256(&[2; 32]).unwrap();
        let at = NOW.unix_timestamp();
        json!({ "iat": at, "exp": at + 60, "nonce": "n", "attested_keys": [holder.public_jwk()] })
    }

    fn header(x5c: &Value) -> Value {
        json!({ "alg": "ES256", "typ": TYP, "x5c": x5c })
    }

    #[test]
    fn no_hostile_form_of_an_attestation_passes() {
        let (anchors, x5c) = vouched();
        let accepts = |jwt: &str| verify_key_attestation(jwt, &anchors, NOW).is_ok();
        assert_no_hostile_form_passes(&header(&x5c), &claims(), &[1; 32], accepts);
    }

    #[test]
    fn a_status_is_told_if_it_can_be_asked_for_and_refused_if_not() {
        let (anchors, x5c) = vouched();
        let read = |status: Value| {
            let jwt = sign_values(&header(&x5c), &with(&claims(), "status", status), &attester());
            verify_key_attestation(&jwt, &anchors, NOW)
        };
        let told = read(json!({ "status_list": { "idx": 7, "uri": "https://x.example/1" } })).unwrap();
        assert_eq!(told.status, Some(StatusReference { uri: "https://x.example/1".into(), index: 7 }));
        for wrong in [
            json!(null),
            json!({}),
            json!({ "status_list": {} }),
            json!({ "status_list": { "idx": -1, "uri": "https://x.example/1" } }),
            json!({ "status_list": { "idx": "7", "uri": "https://x.example/1" } }),
            json!({ "status_list": { "idx": 7 } }),
        ] {
            assert!(matches!(read(wrong.clone()), Err(InvalidKeyAttestation::Status)), "{wrong}");
        }
    }
}
