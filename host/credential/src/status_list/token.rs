//! The signed form: `statuslist+jwt`.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{BITS, StatusList};
use crate::jose::{self, Header, Jwk, Jws};
use crate::keys::{SignError, Signer};
use crate::x509::CertificateChain;

const TYP: &str = "statuslist+jwt";

/// What a status list token says beside the list.
#[derive(Debug, Clone, Copy)]
pub struct StatusListToken<'a> {
    /// Where the list is fetched; `sub`, byte for byte what credentials refer to.
    pub uri: &'a str,
    /// `iss`, if verifiers look for keys by issuer.
    pub issuer: Option<&'a str>,
    /// `iat`.
    pub issued_at: OffsetDateTime,
    /// `exp`.
    pub expires_at: OffsetDateTime,
    /// How long a copy may be kept, in seconds.
    pub ttl_seconds: u32,
    /// Where all lists of the issuer are named.
    pub aggregation_uri: Option<&'a str>,
}

/// Signs a list.
pub async fn sign(
    list: &StatusList,
    token: &StatusListToken<'_>,
    signer: &dyn Signer,
    chain: Option<&CertificateChain>,
) -> Result<String, SignError> {
    let mut claims = Map::new();
    if let Some(issuer) = token.issuer {
        claims.insert("iss".into(), issuer.into());
    }
    claims.insert("sub".into(), token.uri.into());
    claims.insert("iat".into(), token.issued_at.unix_timestamp().into());
    claims.insert("exp".into(), token.expires_at.unix_timestamp().into());
    claims.insert("ttl".into(), token.ttl_seconds.into());
    let mut described = json!({ "bits": BITS, "lst": list.to_lst() });
    if let (Some(members), Some(uri)) = (described.as_object_mut(), token.aggregation_uri) {
        members.insert("aggregation_uri".into(), uri.into());
    }
    claims.insert("status_list".into(), described);
    let header = crate::x509::key_header(signer, chain)?;
    jose::sign(TYP, header, &claims, signer).await
}

/// Why a status list token was refused.
#[derive(Debug, thiserror::Error)]
pub enum InvalidStatusList {
    /// The signature or the form.
    #[error(transparent)]
    Jws(#[from] jose::JwsError),
    /// No key for this header.
    #[error("no trusted key signed the status list")]
    UnknownKey,
    /// A claim is missing or wrong.
    #[error("the claim {0} of the status list token is missing or wrong")]
    Claim(&'static str),
    /// Too old.
    #[error("the status list token has expired")]
    Expired,
}

/// Verifies a list that was fetched from `uri`, with the key that `keys` finds.
pub fn verify(
    token: &str,
    uri: &str,
    keys: &dyn Fn(&Header) -> Option<Jwk>,
    now: OffsetDateTime,
) -> Result<StatusList, InvalidStatusList> {
    let jws = Jws::parse(token)?;
    if jws.header().typ() != Some(TYP) {
        return Err(InvalidStatusList::Claim("typ"));
    }
    let key = keys(jws.header()).ok_or(InvalidStatusList::UnknownKey)?;
    let claims = jws.verify_claims(&key)?;
    if claims.get("sub").and_then(Value::as_str) != Some(uri) {
        return Err(InvalidStatusList::Claim("sub"));
    }
    let seconds =
        |name| claims.get(name).map(|value| value.as_i64().ok_or(InvalidStatusList::Claim(name))).transpose();
    seconds("iat")?.ok_or(InvalidStatusList::Claim("iat"))?;
    if seconds("exp")?.is_some_and(|exp| now.unix_timestamp() >= exp) {
        return Err(InvalidStatusList::Expired);
    }
    let list = claims.get("status_list").ok_or(InvalidStatusList::Claim("status_list"))?;
    if list.get("bits").and_then(Value::as_u64) != Some(u64::from(BITS)) {
        return Err(InvalidStatusList::Claim("bits"));
    }
    let lst = list.get("lst").and_then(Value::as_str).ok_or(InvalidStatusList::Claim("lst"))?;
    StatusList::from_lst(lst).map_err(|_| InvalidStatusList::Claim("lst"))
}

#[cfg(test)]
mod tests {
    use chancery_domain::CredentialStatus;
    use time::Duration;

    use super::*;
    use crate::keys::SigningKey;
    use crate::testing::{NOW, assert_no_hostile_form_passes, now_or_never};

    const URI: &str = "https://h.example/acme/status-lists/3";

    fn signed() -> String {
        let mut list = StatusList::valid(1 << 10);
        list.set(42, CredentialStatus::Suspended).unwrap();
        let token = StatusListToken {
            uri: URI,
            issuer: Some("https://h.example/acme"),
            issued_at: NOW,
            expires_at: NOW + Duration::hours(24),
            ttl_seconds: 60,
            aggregation_uri: None,
        };
        now_or_never(sign(&list, &token, &SigningKey::es256(&[1; 32]).unwrap(), None)).unwrap()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape that `verify` asks for")]
    fn keys(_: &Header) -> Option<Jwk> {
        Some(SigningKey::es256(&[1; 32]).unwrap().public_jwk().clone())
    }

    #[test]
    fn a_signed_list_reads_back() {
        let list = verify(&signed(), URI, &keys, NOW).unwrap();
        assert_eq!(list.get(42), Some(CredentialStatus::Suspended));
        assert_eq!(list.get(41), Some(CredentialStatus::Valid));
    }

    #[test]
    fn a_list_is_good_only_where_and_while_it_says() {
        let elsewhere = verify(&signed(), "https://h.example/acme/status-lists/4", &keys, NOW);
        assert!(matches!(elsewhere, Err(InvalidStatusList::Claim("sub"))));
        let later = verify(&signed(), URI, &keys, NOW + Duration::hours(24));
        assert!(matches!(later, Err(InvalidStatusList::Expired)));
        let unknown = verify(&signed(), URI, &|_| None, NOW);
        assert!(matches!(unknown, Err(InvalidStatusList::UnknownKey)));
        let other = |_: &Header| Some(SigningKey::es256(&[2; 32]).unwrap().public_jwk().clone());
        assert!(matches!(verify(&signed(), URI, &other, NOW), Err(InvalidStatusList::Jws(_))));
    }

    #[test]
    fn no_hostile_form_of_a_list_passes() {
        assert_no_hostile_form_passes(
            &json!({ "alg": "ES256", "typ": TYP }),
            &json!({
                "sub": URI, "iat": NOW.unix_timestamp(),
                "status_list": { "bits": 2, "lst": StatusList::valid(8).to_lst() },
            }),
            &[1; 32],
            |jwt| verify(jwt, URI, &keys, NOW).is_ok(),
        );
    }
}
