//! Key proofs of type `jwt` (OpenID4VCI 1.0, Appendix F.1): a wallet shows that it holds
//! the key to which the credential will be bound.

use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use crate::did::{HolderDidError, holder_key};
use crate::jose::{Header, Jwk, JwkError, Jws, JwsError};
use crate::key_attestation::{InvalidKeyAttestation, KeyAttestation, verify_key_attestation};
use crate::keys::Algorithm;
use crate::x509::{Anchors, ChainError, holder_leaf};

/// What metadata advertises as `proof_signing_alg_values_supported`.
pub const ALGORITHMS: [Algorithm; 2] = Algorithm::ALL;

/// How a proof may name its key: what metadata advertises as `cryptographic_binding_methods_supported`.
pub const BINDING_METHODS: [&str; 4] = ["jwk", "did:jwk", "did:key", "did:web"];

const TYP: &str = "openid4vci-proof+jwt";

/// How old a proof may be.
pub const MAX_AGE: Duration = Duration::minutes(5);
/// How far ahead the wallet's clock may run.
pub const MAX_AHEAD: Duration = Duration::seconds(60);

/// What a proof must fit.
#[derive(Debug, Clone, Copy)]
pub struct KeyProofExpectations<'a> {
    /// The credential issuer identifier: `aud`, byte for byte.
    pub issuer: &'a str,
    /// Who the token was issued to; none after anonymous access.
    pub client_id: Option<&'a str>,
    /// Whose word counts for keys; nobody's, if empty: then what others say of them is not read.
    pub attesters: &'a Anchors,
    /// The current time.
    pub now: OffsetDateTime,
}

/// A proof that holds. Whether its nonce is one of ours is for
/// [`Nonces`](crate::nonces::Nonces) to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProof {
    /// The key that made it.
    pub holder: Jwk,
    /// The nonce it carries, if any.
    pub nonce: Option<String>,
    /// What somebody vouches for, the key that made it included.
    pub attestation: Option<KeyAttestation>,
}

/// Why a key proof was refused.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The form, the algorithm or the signature.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// `typ`.
    #[error("the type of the key proof is not openid4vci-proof+jwt")]
    Type,
    /// None or more than one of `jwk`, `kid` and `x5c`.
    #[error("a key proof names its key by exactly one of jwk, kid and x5c")]
    KeyReference,
    /// The `kid` is no DID URL, and nobody attests a key of that name.
    #[error("the kid of the key proof is neither a DID URL nor the name of an attested key")]
    UnknownKey,
    /// The `x5c`.
    #[error("the certificates of the key proof: {0}")]
    Chain(#[from] ChainError),
    /// The `jwk`.
    #[error(transparent)]
    Key(#[from] JwkError),
    /// The `kid`.
    #[error(transparent)]
    Did(#[from] HolderDidError),
    /// `aud` is not the one string that names this issuer.
    #[error("the audience of the key proof is not this issuer")]
    Audience,
    /// `iat` is missing or no number.
    #[error("the key proof does not say when it was made")]
    IssuedAt,
    /// `iat` lies outside the window.
    #[error("the key proof is too old or from the future")]
    Age,
    /// `iss` is not the client's.
    #[error("the key proof was made by another client")]
    Client,
    /// `nonce` is no string.
    #[error("the nonce of the key proof is malformed")]
    Nonce,
    /// What somebody says of the key.
    #[error(transparent)]
    Attestation(#[from] InvalidKeyAttestation),
    /// They say it of other keys.
    #[error("the key that made the proof is not among those that are attested")]
    NotAttested,
}

/// A proof that fits in everything but its signature, which was not checked yet.
#[derive(Debug)]
pub struct ClaimedProof<'a> {
    jws: Jws<'a>,
    key: NamedKey,
    nonce: Option<String>,
    attestation: Option<KeyAttestation>,
}

/// The key of a proof, or where it is found.
#[derive(Debug)]
enum NamedKey {
    Here(Jwk),
    At(String),
}

/// Verifies a key proof whose key is in it.
pub fn verify_key_proof(jwt: &str, expected: &KeyProofExpectations<'_>) -> Result<KeyProof, ProofError> {
    claim_key_proof(jwt, expected)?.verify(None)
}

/// Checks all of a key proof (OpenID4VCI 1.0 Appendix F.4) that can be checked before its key is known: whoever has a key
/// fetched for it made a proof that is for here and for now, at least.
///
/// `iss` must be the client where one is known. After anonymous access it should be
/// absent; wallets in use put a DID there, so it is ignored: nothing depends on it.
pub fn claim_key_proof<'a>(
    jwt: &'a str,
    expected: &KeyProofExpectations<'_>,
) -> Result<ClaimedProof<'a>, ProofError> {
    let jws = Jws::parse(jwt)?;
    let header = jws.header();
    if header.typ() != Some(TYP) {
        return Err(ProofError::Type);
    }
    let references = ["jwk", "kid", "x5c"].into_iter().filter(|name| header.member(name).is_some()).count();
    if references != 1 {
        return Err(ProofError::KeyReference);
    }
    let attestation = match header.member("key_attestation") {
        Some(jwt) if !expected.attesters.is_empty() => Some(attested(jwt, expected)?),
        _ => None,
    };
    let key = named_key(header, attestation.as_ref(), expected)?;
    if !jws.may_be_signed() {
        return Err(JwsError::Signature.into());
    }
    let claims = jws.claimed()?;
    if claims.get("aud").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(ProofError::Audience);
    }
    let issued_at = claims.get("iat").and_then(seconds).ok_or(ProofError::IssuedAt)?;
    if !is_recent(issued_at, expected.now) || !is_in_force(&claims, expected.now) {
        return Err(ProofError::Age);
    }
    if let (Some(client), Some(iss)) = (expected.client_id, claims.get("iss"))
        && iss != client
    {
        return Err(ProofError::Client);
    }
    let nonce = match claims.get("nonce") {
        None => None,
        Some(Value::String(nonce)) => Some(nonce.clone()),
        Some(_) => return Err(ProofError::Nonce),
    };
    Ok(ClaimedProof { jws, key, nonce, attestation })
}

fn named_key(
    header: &Header,
    attestation: Option<&KeyAttestation>,
    expected: &KeyProofExpectations<'_>,
) -> Result<NamedKey, ProofError> {
    if let Some(jwk) = header.member("jwk") {
        return Ok(NamedKey::Here(Jwk::parse(jwk)?));
    }
    if let Some(chain) = header.x5c() {
        return Ok(NamedKey::Here(holder_leaf(&chain, expected.now)?));
    }
    let key_id = header.key_id().ok_or(ProofError::KeyReference)?;
    if key_id.starts_with("did:web:") {
        return Ok(NamedKey::At(key_id.to_owned()));
    }
    if key_id.starts_with("did:") {
        return Ok(NamedKey::Here(holder_key(key_id)?));
    }
    let attested = attestation.and_then(|attestation| attestation.key_named(key_id));
    Ok(NamedKey::Here(attested.ok_or(ProofError::UnknownKey)?.clone()))
}

impl ClaimedProof<'_> {
    /// The nonce that it claims to be made over.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// The DID URL that names its key, if its document has to be fetched.
    pub fn remote_key(&self) -> Option<&str> {
        match &self.key {
            NamedKey::Here(_) => None,
            NamedKey::At(did_url) => Some(did_url),
        }
    }

    /// Verifies its signature, by the key that was `fetched` if that is not in it.
    pub fn verify(self, fetched: Option<&Jwk>) -> Result<KeyProof, ProofError> {
        let holder = match (self.key, fetched) {
            (NamedKey::Here(key), _) => key,
            (NamedKey::At(_), Some(key)) => key.clone(),
            (NamedKey::At(did_url), None) => holder_key(&did_url)?,
        };
        self.jws.verify(&holder)?;
        let attestation = self.attestation;
        if attestation.as_ref().is_some_and(|attestation| !attestation.keys().any(|key| *key == holder)) {
            return Err(ProofError::NotAttested);
        }
        Ok(KeyProof { holder, nonce: self.nonce, attestation })
    }
}

/// The attestation in a proof, which must say when it ends (Appendix D.1).
fn attested(jwt: &Value, expected: &KeyProofExpectations<'_>) -> Result<KeyAttestation, ProofError> {
    let jwt = jwt.as_str().ok_or(JwsError::Form)?;
    let attestation = verify_key_attestation(jwt, expected.attesters, expected.now)?;
    if attestation.ends { Ok(attestation) } else { Err(InvalidKeyAttestation::Claim("exp").into()) }
}

/// Whether an `iat` lies in the window around `now`.
pub(crate) fn is_recent(issued_at: i64, now: OffsetDateTime) -> bool {
    let age = now.unix_timestamp().saturating_sub(issued_at);
    (-MAX_AHEAD.whole_seconds()..=MAX_AGE.whole_seconds()).contains(&age)
}

/// Whether `exp` and `nbf` let a JWT count now, where it has them: no profile asks for them in proofs, and RFC 7519
/// (§4.1.4, §4.1.5) does not let anybody who finds them look away.
pub(crate) fn is_in_force(claims: &Map<String, Value>, now: OffsetDateTime) -> bool {
    let now = now.unix_timestamp();
    let holds = |name: &str, holds: &dyn Fn(i64) -> bool| {
        claims.get(name).is_none_or(|value| seconds(value).is_some_and(holds))
    };
    holds("exp", &|exp| exp > now)
        && holds("nbf", &|nbf| nbf <= now.saturating_add(MAX_AHEAD.whole_seconds()))
}

/// A `NumericDate` (RFC 7519 §2) in whole seconds; fractions are allowed and cut off.
pub(crate) fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let seconds = value.as_f64()?;
        // Far beyond any date in use, and exactly representable.
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked, fractions are cut off")]
        (seconds.abs() < 1e15).then_some(seconds as i64)
    })
}

#[cfg(test)]
mod tests;
