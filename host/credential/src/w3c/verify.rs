//! A W3C credential as the one who receives it sees it.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Model, VERIFIABLE_CREDENTIAL};
use crate::did::did_jwk;
use crate::jose::{Header, Jwk, Jws, JwsError};
use crate::status_list::{Purpose, StatusEntryReference, read_entry};

/// A credential whose signature and validity hold.
#[derive(Debug, Clone)]
pub struct VerifiedW3c {
    /// `issuer`.
    pub issuer: String,
    /// `type`.
    pub types: Vec<String>,
    /// The credential, in the form of its data model.
    pub credential: Map<String, Value>,
    /// The key that it is bound to.
    pub holder: Jwk,
    /// Since when it is good.
    pub valid_from: OffsetDateTime,
    /// Until when.
    pub expires_at: OffsetDateTime,
    /// Where its status is published, for each purpose.
    pub status: Vec<(Purpose, StatusEntryReference)>,
}

/// Why a credential was refused.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The signature or the form.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// No key for this header.
    #[error("no trusted key signed the credential")]
    UnknownKey,
    /// A member is missing or wrong.
    #[error("{0} is missing or wrong")]
    Member(&'static str),
    /// Not yet, or no more.
    #[error("it is not valid at this time")]
    Validity,
}

/// Verifies a credential, with the key that `keys` finds for the header.
pub fn verify(
    credential: &str,
    model: Model,
    keys: &dyn Fn(&Header) -> Option<Jwk>,
    now: OffsetDateTime,
) -> Result<VerifiedW3c, Invalid> {
    let wrong = Invalid::Member;
    let jws = Jws::parse(credential)?;
    if jws.header().typ() != Some(model.typ()) {
        return Err(wrong("typ"));
    }
    if model == Model::VcJwt && jws.header().member("cty").and_then(Value::as_str) != Some("vc") {
        return Err(wrong("cty"));
    }
    let key = keys(jws.header()).ok_or(Invalid::UnknownKey)?;
    let mut claims = jws.verify_claims(&key)?;
    let holder = claims.get("cnf").and_then(|cnf| cnf.get("jwk")).and_then(|jwk| Jwk::parse(jwk).ok());
    let holder = holder.ok_or(wrong("cnf"))?;
    let (issuer, valid_from, expires_at, vc) = match model {
        Model::JwtVcJson => {
            let issuer = claims.get("iss").and_then(Value::as_str).map(str::to_owned);
            let (from, until) = (seconds(&claims, "nbf"), seconds(&claims, "exp"));
            if claims.get("sub").and_then(Value::as_str) != Some(&did_jwk(&holder)) {
                return Err(wrong("sub"));
            }
            let Some(Value::Object(vc)) = claims.swap_remove("vc") else { return Err(wrong("vc")) };
            (issuer, from, until, vc)
        }
        Model::VcJwt => {
            if claims.contains_key("vc") {
                return Err(wrong("vc"));
            }
            let issuer = claims.get("issuer").and_then(Value::as_str).map(str::to_owned);
            (issuer, date_time(&claims, "validFrom"), date_time(&claims, "validUntil"), claims)
        }
    };
    let (valid_from, expires_at) =
        (valid_from.ok_or(wrong("the beginning of its validity"))?, expires_at.ok_or(wrong("its end"))?);
    if now < valid_from || now >= expires_at {
        return Err(Invalid::Validity);
    }
    let first_context = vc.get("@context").and_then(|contexts| contexts.get(0));
    if first_context.and_then(Value::as_str) != Some(model.base_context()) {
        return Err(wrong("@context"));
    }
    let texts = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let types = vc.get("type").and_then(texts).ok_or(wrong("type"))?;
    if !types.iter().any(|one| one == VERIFIABLE_CREDENTIAL) {
        return Err(wrong("type"));
    }
    let subject = vc.get("credentialSubject").and_then(|subject| subject.get("id")).and_then(Value::as_str);
    if subject != Some(&did_jwk(&holder)) {
        return Err(wrong("credentialSubject.id"));
    }
    let entries = vc.get("credentialStatus").and_then(Value::as_array).ok_or(wrong("credentialStatus"))?;
    let status =
        entries.iter().map(read_entry).collect::<Option<Vec<_>>>().ok_or(wrong("credentialStatus"))?;
    let issuer = issuer.ok_or(wrong("issuer"))?;
    Ok(VerifiedW3c { issuer, types, credential: vc, holder, valid_from, expires_at, status })
}

fn seconds(claims: &Map<String, Value>, name: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(claims.get(name)?.as_i64()?).ok()
}

fn date_time(claims: &Map<String, Value>, name: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(claims.get(name)?.as_str()?, &Rfc3339).ok()
}
