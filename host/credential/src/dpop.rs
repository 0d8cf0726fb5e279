//! DPoP proofs (RFC 9449): a client shows that it holds the key its token is bound to.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use time::OffsetDateTime;
use url::Url;

use crate::jose::{Jwk, JwkError, Jws, JwsError, base64url};
use crate::keys::Algorithm;
use crate::proof::{is_in_force, is_recent, seconds};
use crate::secrets::secret_hash;

/// What metadata advertises as `dpop_signing_alg_values_supported`.
pub const ALGORITHMS: [Algorithm; 2] = Algorithm::ALL;

const TYP: &str = "dpop+jwt";
const MAX_JTI_LENGTH: usize = 512;

/// What a proof must fit.
#[derive(Debug, Clone, Copy)]
pub struct DpopExpectations<'a> {
    /// The method of the request, in capitals.
    pub method: &'a str,
    /// The public URL of the request, as the client sees it.
    pub url: &'a str,
    /// The token that comes with it, at a resource.
    pub access_token: Option<&'a str>,
    /// The current time.
    pub now: OffsetDateTime,
}

/// A proof that holds. Whether its nonce is one of ours is for
/// [`Nonces`](crate::nonces::Nonces) to say; that it was not seen before, for the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpopProof {
    /// The thumbprint of the key that made it, `jkt`.
    pub thumbprint: String,
    /// Identifies the proof in the used-set: a hash of key and `jti`.
    pub jti_hash: [u8; 32],
    /// The nonce it carries, if any.
    pub nonce: Option<String>,
}

/// Why a DPoP proof was refused.
#[derive(Debug, thiserror::Error)]
pub enum DpopError {
    /// The form, the algorithm or the signature.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// `typ`.
    #[error("the type of the DPoP proof is not dpop+jwt")]
    Type,
    /// `jwk` is missing.
    #[error("the DPoP proof has no jwk")]
    NoKey,
    /// The `jwk`.
    #[error(transparent)]
    Key(#[from] JwkError),
    /// A claim is missing or malformed.
    #[error("the claim {0} of the DPoP proof is missing or malformed")]
    Claim(&'static str),
    /// `htm`.
    #[error("the DPoP proof is for another method")]
    Method,
    /// `htu`.
    #[error("the DPoP proof is for another URL")]
    Url,
    /// `iat` lies outside the window.
    #[error("the DPoP proof is too old or from the future")]
    Age,
    /// `ath`.
    #[error("the DPoP proof is for another access token")]
    AccessToken,
}

/// Verifies a DPoP proof (RFC 9449 §4.3). That there is exactly one `DPoP` header is for
/// the caller to see.
pub fn verify_dpop(jwt: &str, expected: &DpopExpectations<'_>) -> Result<DpopProof, DpopError> {
    let jws = Jws::parse(jwt)?;
    if jws.header().typ() != Some(TYP) {
        return Err(DpopError::Type);
    }
    let key = Jwk::parse(jws.header().member("jwk").ok_or(DpopError::NoKey)?)?;
    let claims = jws.verify_claims(&key)?;
    let text = |name| claims.get(name).and_then(Value::as_str).ok_or(DpopError::Claim(name));
    let jti = text("jti")?;
    if jti.is_empty() || jti.len() > MAX_JTI_LENGTH {
        return Err(DpopError::Claim("jti"));
    }
    if text("htm")? != expected.method {
        return Err(DpopError::Method);
    }
    let url = normalised(text("htu")?).ok_or(DpopError::Claim("htu"))?;
    if normalised(expected.url) != Some(url) {
        return Err(DpopError::Url);
    }
    let issued_at = claims.get("iat").and_then(seconds).ok_or(DpopError::Claim("iat"))?;
    if !is_recent(issued_at, expected.now) || !is_in_force(&claims, expected.now) {
        return Err(DpopError::Age);
    }
    if let Some(token) = expected.access_token
        && text("ath")? != base64url::encode(digest(&SHA256, token.as_bytes()))
    {
        return Err(DpopError::AccessToken);
    }
    let nonce = match claims.get("nonce") {
        None => None,
        Some(Value::String(nonce)) => Some(nonce.clone()),
        Some(_) => return Err(DpopError::Claim("nonce")),
    };
    let thumbprint = key.thumbprint();
    // The thumbprint has one length, so the concatenation is injective.
    let jti_hash = secret_hash("dpop-jti/v1", format!("{thumbprint}{jti}").as_bytes());
    Ok(DpopProof { thumbprint, jti_hash, nonce })
}

/// A URL without query and fragment, after syntax- and scheme-based normalisation
/// (RFC 3986 §6.2.2, §6.2.3): case of scheme and host, default port, dot segments, needless
/// percent-encoding.
fn normalised(url: &str) -> Option<String> {
    // The parser forgives what browsers forgive; a proof needs no forgiveness.
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains('\\') {
        return None;
    }
    let parsed = Url::parse(url).ok()?;
    if !matches!(parsed.scheme(), "https" | "http")
        || !parsed.username().is_empty()
        || parsed.password().is_some()
    {
        return None;
    }
    let authority = parsed.origin().ascii_serialization();
    Some(authority + &decode_unreserved(parsed.path()))
}

/// Decodes `%41` to `A` and writes `%2f` as `%2F` (RFC 3986 §6.2.2.1, §6.2.2.2).
fn decode_unreserved(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        let escape = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (escape, after.get(2..)) {
            (Some(byte), Some(tail)) if !after.starts_with('+') => {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    normal.push(char::from(byte));
                } else {
                    // Writing to a string does not fail.
                    let _ = write!(normal, "%{byte:02X}");
                }
                rest = tail;
            }
            _ => {
                normal.push('%');
                rest = after;
            }
        }
    }
    normal.push_str(rest);
    normal
}

#[cfg(test)]
mod tests;
