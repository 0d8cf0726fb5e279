//! ID tokens of other people's OpenID Providers (OpenID Connect Core §2, §3.1.3.7).
//!
//! Who signs them, is for the provider to choose, and most choose RSA: so more algorithms are known here than in `jose`,
//! every one of them asymmetric. Nothing but an ID token is ever believed by these keys.

mod keys;
#[cfg(test)]
mod tests;

use chancery_protocol::json::from_slice_strict;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

pub use keys::ProviderKeys;

use crate::jose::base64url;
use crate::proof::seconds;

/// How far clocks may differ.
const LEEWAY: Duration = Duration::minutes(1);
/// How long ago a token may have been made: it is fetched when its holder has just signed in.
const OLDEST: Duration = Duration::minutes(10);
/// The longest subject (OpenID Connect Core §2).
const LONGEST_SUBJECT: usize = 255;

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub struct IdTokenExpectations<'a> {
    /// The provider, byte for byte.
    pub issuer: &'a str,
    /// As whom it knows us.
    pub client_id: &'a str,
    /// What the sign-in was begun with.
    pub nonce: &'a str,
    /// Now.
    pub now: OffsetDateTime,
}

/// Why an ID token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdToken {
    /// Not a compact JWS of strict JSON objects, or with critical extensions.
    #[error("it is no signed ID token")]
    Form,
    /// `none`, a symmetric algorithm, or one that nobody needs.
    #[error("it is signed by an algorithm that is not accepted")]
    Algorithm,
    /// None of the provider's keys has that `kid` and algorithm; it may have a new one.
    #[error("it is signed by a key that the provider does not publish")]
    UnknownKey,
    /// The signature is another's, or the token was changed.
    #[error("its signature does not verify")]
    Signature,
    /// A claim is missing or wrong.
    #[error("its claim {0} is missing or wrong")]
    Claim(&'static str),
    /// Too old, or from the future.
    #[error("it has expired, or is from another time")]
    Age,
}

/// Verifies an ID token that came from the token endpoint of its provider; what it says.
pub fn verify_id_token(
    token: &str,
    keys: &ProviderKeys,
    expected: &IdTokenExpectations<'_>,
) -> Result<Map<String, Value>, InvalidIdToken> {
    use InvalidIdToken as I;
    let (signing_input, signature) = token.rsplit_once('.').ok_or(I::Form)?;
    let (header, payload) = signing_input.split_once('.').ok_or(I::Form)?;
    let decode = |part: &str| base64url::decode(part).ok_or(I::Form);
    let object = |bytes: &[u8]| from_slice_strict::<Map<String, Value>>(bytes).map_err(|_| I::Form);
    let header = object(&decode(header)?)?;
    if ["crit", "b64"].iter().any(|name| header.contains_key(*name)) {
        return Err(I::Form);
    }
    // Explicit types are those of JWTs for other purposes (RFC 8725 §3.11).
    if header.get("typ").is_some_and(|typ| !typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("JWT"))) {
        return Err(I::Form);
    }
    let algorithm = header.get("alg").and_then(Value::as_str).ok_or(I::Algorithm)?;
    let kid = match header.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str().ok_or(I::Form)?),
    };
    keys.verify(algorithm, kid, signing_input.as_bytes(), &decode(signature)?)?;
    let claims = object(&decode(payload)?)?;
    check(&claims, expected)?;
    Ok(claims)
}

fn check(claims: &Map<String, Value>, expected: &IdTokenExpectations<'_>) -> Result<(), InvalidIdToken> {
    use InvalidIdToken as I;
    let text = |name: &'static str| claims.get(name).and_then(Value::as_str).ok_or(I::Claim(name));
    if text("iss")? != expected.issuer {
        return Err(I::Claim("iss"));
    }
    let authorized = claims.get("azp").map(|azp| azp == expected.client_id);
    let is_for_us = match claims.get("aud") {
        Some(Value::String(audience)) => audience == expected.client_id,
        // Among several it says for whom of them it was made (§3.1.3.7, 3 to 5).
        Some(Value::Array(audiences)) => {
            audiences.iter().any(|audience| audience == expected.client_id)
                && (audiences.len() == 1 || authorized == Some(true))
        }
        _ => false,
    };
    if !is_for_us {
        return Err(I::Claim("aud"));
    }
    if authorized == Some(false) {
        return Err(I::Claim("azp"));
    }
    if text("nonce")? != expected.nonce {
        return Err(I::Claim("nonce"));
    }
    if !(1..=LONGEST_SUBJECT).contains(&text("sub")?.len()) {
        return Err(I::Claim("sub"));
    }
    let now = expected.now.unix_timestamp();
    let time = |name: &'static str| claims.get(name).and_then(seconds).ok_or(I::Claim(name));
    let (issued, expires) = (time("iat")?, time("exp")?);
    let is_late = expires <= now - LEEWAY.whole_seconds() || issued < now - OLDEST.whole_seconds();
    if is_late || issued > now + LEEWAY.whole_seconds() {
        return Err(I::Age);
    }
    if claims.contains_key("nbf") && time("nbf")? > now + LEEWAY.whole_seconds() {
        return Err(I::Age);
    }
    Ok(())
}
