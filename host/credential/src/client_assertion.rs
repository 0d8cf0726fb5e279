//! Client authentication by a signed assertion (RFC 7523 §2.2, OpenID Connect Core §9: `private_key_jwt`).

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::jose::{Jwk, Jws, JwsError, base64url};
use crate::proof::seconds;
use crate::secrets::secret_hash;

/// `client_assertion_type`.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What the header may call it; everything else is a JWT for another purpose.
const TYPES: [Option<&str>; 3] = [None, Some("JWT"), Some("client-authentication+jwt")];
const MAX_JTI_LENGTH: usize = 512;
/// How far ahead an assertion may end: until then it is remembered.
const LONGEST: Duration = Duration::minutes(15);
/// How far clocks may differ.
const LEEWAY: Duration = Duration::seconds(60);

/// An assertion that holds. That it was not seen before, is for the store to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAssertion {
    /// Identifies it in the used-set: a hash of client and `jti`.
    pub jti_hash: [u8; 32],
    /// Until when it would be accepted.
    pub expires_at: OffsetDateTime,
}

/// Why an assertion was refused.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAssertion {
    /// The form, the algorithm or the signature.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// `typ`.
    #[error("the type of the client assertion is that of something else")]
    Type,
    /// No key of the client's has that `kid`.
    #[error("no key of the client made the assertion")]
    UnknownKey,
    /// A claim is missing or wrong.
    #[error("the claim {0} of the client assertion is missing or wrong")]
    Claim(&'static str),
    /// Too old, or from the future.
    #[error("the client assertion has expired, or ends too late")]
    Age,
}

/// The client that an assertion says it is by. Nothing of it is verified.
pub fn claimed_client(assertion: &str) -> Option<String> {
    let payload = assertion.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&base64url::decode(payload)?).ok()?;
    claims.get("sub")?.as_str().map(str::to_owned)
}

/// Verifies an assertion of a client that has these keys, for the authorization server `audience`.
///
/// `aud` must be that issuer identifier and nothing beside it (FAPI 2.0 §5.3.2.1): an assertion for several servers
/// could be sent on by any of them.
pub fn verify_client_assertion(
    assertion: &str,
    client: &str,
    keys: &[Jwk],
    audience: &str,
    now: OffsetDateTime,
) -> Result<ClientAssertion, InvalidAssertion> {
    let wrong = InvalidAssertion::Claim;
    let jws = Jws::parse(assertion)?;
    if !TYPES.contains(&jws.header().typ()) {
        return Err(InvalidAssertion::Type);
    }
    let claims = verify_with(&jws, keys)?;
    let text = |name: &'static str| claims.get(name).and_then(Value::as_str).ok_or(wrong(name));
    for (name, expected) in [("iss", client), ("sub", client), ("aud", audience)] {
        if text(name)? != expected {
            return Err(wrong(name));
        }
    }
    let jti = text("jti")?;
    if jti.is_empty() || jti.len() > MAX_JTI_LENGTH {
        return Err(wrong("jti"));
    }
    let at = now.unix_timestamp();
    let time = |name: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(value) => seconds(value).map(Some).ok_or(wrong(name)),
    };
    let expires = time("exp")?.ok_or(wrong("exp"))?;
    if expires <= at || expires > at + LONGEST.whole_seconds() {
        return Err(InvalidAssertion::Age);
    }
    for name in ["iat", "nbf"] {
        if time(name)?.is_some_and(|from| from > at + LEEWAY.whole_seconds()) {
            return Err(InvalidAssertion::Age);
        }
    }
    // The digest has one length, so the concatenation is injective.
    let client = digest(&SHA256, client.as_bytes());
    let jti_hash = secret_hash("client-assertion-jti/v1", &[client.as_ref(), jti.as_bytes()].concat());
    let expires_at = OffsetDateTime::from_unix_timestamp(expires).map_err(|_| wrong("exp"))?;
    Ok(ClientAssertion { jti_hash, expires_at })
}

/// With the key of that `kid`; where there is none, with whichever fits.
fn verify_with(jws: &Jws<'_>, keys: &[Jwk]) -> Result<serde_json::Map<String, Value>, InvalidAssertion> {
    let algorithm = jws.header().algorithm();
    let candidates: Vec<_> = keys.iter().filter(|key| key.algorithm() == algorithm).collect();
    let named = jws.header().key_id().and_then(|kid| candidates.iter().find(|key| key.thumbprint() == kid));
    if let Some(key) = named {
        return Ok(jws.verify_claims(key)?);
    }
    // A client names its keys as it likes; what it registered has no names here.
    let mut verified = candidates.into_iter().filter_map(|key| jws.verify_claims(key).ok());
    verified.next().ok_or(InvalidAssertion::UnknownKey)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::keys::SigningKey;
    use crate::testing::{NOW, assert_no_hostile_form_passes_but, now_or_never};

    const CLIENT: &str = "cli_1";
    const SERVER: &str = "https://h.example/acme";

    fn key(byte: u8) -> SigningKey {
        SigningKey::es256(&[byte; 32]).unwrap()
    }

    fn claims() -> Map<String, Value> {
        let at = NOW.unix_timestamp();
        let claims =
            json!({ "iss": CLIENT, "sub": CLIENT, "aud": SERVER, "jti": "1", "iat": at, "exp": at + 60 });
        claims.as_object().unwrap().clone()
    }

    fn signed(typ: &str, claims: &Map<String, Value>, key: &SigningKey) -> String {
        now_or_never(crate::jose::sign(typ, Map::new(), claims, key)).unwrap()
    }

    fn read(assertion: &str) -> Result<ClientAssertion, InvalidAssertion> {
        let keys = [key(2).public_jwk().clone(), key(1).public_jwk().clone()];
        verify_client_assertion(assertion, CLIENT, &keys, SERVER, NOW)
    }

    #[test]
    fn a_client_is_known_by_any_of_its_keys() {
        for known in [1, 2] {
            let assertion = signed("JWT", &claims(), &key(known));
            assert_eq!(read(&assertion).unwrap().expires_at, NOW + Duration::seconds(60));
            assert_eq!(claimed_client(&assertion).as_deref(), Some(CLIENT));
        }
        assert!(matches!(read(&signed("JWT", &claims(), &key(3))), Err(InvalidAssertion::UnknownKey)));
        for other in ["dpop+jwt", "openid4vci-proof+jwt", "at+jwt"] {
            assert!(matches!(read(&signed(other, &claims(), &key(1))), Err(InvalidAssertion::Type)));
        }
    }

    #[test]
    fn no_hostile_form_of_an_assertion_passes() {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": key(1).public_jwk().thumbprint() });
        // An assertion may be of no type, or of the plain one.
        let tolerated = ["typ \"JWT\"", "no typ"];
        let claims = Value::from(claims());
        let accepts = |jwt: &str| read(jwt).is_ok();
        assert_no_hostile_form_passes_but(&tolerated, (&header, &claims), &[1; 32], accepts);
    }

    #[test]
    fn every_claim_counts() {
        let at = NOW.unix_timestamp();
        for (name, wrong) in [
            ("iss", json!("cli_2")),
            ("sub", json!("cli_2")),
            ("sub", Value::Null),
            ("aud", json!("https://h.example/acme/token")),
            ("aud", json!([SERVER])),
            ("aud", json!([SERVER, "https://evil.example"])),
            ("aud", json!("https://h.example/acme/")),
            ("jti", json!("")),
            ("jti", json!("x".repeat(513))),
            ("exp", json!("soon")),
            ("exp", json!(at)),
            ("exp", json!(at + 3600)),
            ("iat", json!(at + 3600)),
            ("nbf", json!(at + 3600)),
        ] {
            let mut claims = claims();
            claims.insert(name.to_owned(), wrong.clone());
            assert!(read(&signed("JWT", &claims, &key(1))).is_err(), "{name}: {wrong}");
            claims.swap_remove(name);
            assert_eq!(
                read(&signed("JWT", &claims, &key(1))).is_ok(),
                matches!(name, "iat" | "nbf"),
                "{name}"
            );
        }
    }

    #[test]
    fn two_assertions_are_one_only_if_client_and_jti_are() {
        let hash = |jti: &str| {
            let mut claims = claims();
            claims.insert("jti".to_owned(), jti.into());
            read(&signed("JWT", &claims, &key(1))).unwrap().jti_hash
        };
        assert_eq!(hash("1"), hash("1"));
        assert_ne!(hash("1"), hash("2"));
    }
}
