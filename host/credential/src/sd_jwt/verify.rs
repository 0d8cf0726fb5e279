//! From a credential to its claims, as a wallet or a verifier reads it.

use std::collections::{HashMap, HashSet};

use chancery_protocol::json::from_slice_strict;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::disclosure::digest_of;
use super::{ELLIPSIS, SD, SD_ALG, TYP};
use crate::jose::{Header, Jwk, Jws, JwsError, base64url};

/// A credential that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The protected header.
    pub header: Header,
    /// All claims, with what was disclosed in its place.
    pub claims: Map<String, Value>,
    /// The key it is bound to.
    pub holder: Option<Jwk>,
    /// Where its status is published.
    pub status: Option<StatusReference>,
}

/// An entry of a Token Status List.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReference {
    /// Where the list is published.
    pub uri: String,
    /// The index in it.
    pub index: u32,
}

impl StatusReference {
    /// What the claim `status` says, if it is one.
    pub(crate) fn read(status: &Value) -> Option<Self> {
        let list = status.get("status_list")?;
        let index = list.get("idx")?.as_u64().and_then(|index| u32::try_from(index).ok())?;
        Some(Self { uri: list.get("uri")?.as_str()?.to_owned(), index })
    }
}

/// Why a credential was refused.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The form, the algorithm or the signature.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// No tilde at the end: no SD-JWT, or one with a key binding.
    #[error("not an SD-JWT in compact form without key binding")]
    Form,
    /// `typ`.
    #[error("the type of the credential is not dc+sd-jwt")]
    Type,
    /// No key for this header.
    #[error("no trusted key signed the credential")]
    UnknownKey,
    /// `_sd_alg`.
    #[error("the credential hashes disclosures with another algorithm than SHA-256")]
    HashAlgorithm,
    /// A disclosure is no array of salt, name and value.
    #[error("a disclosure is malformed")]
    Disclosure,
    /// A disclosure has a name that it must not have.
    #[error("a disclosure has the reserved name {0:?}")]
    Reserved(String),
    /// A disclosure's digest is nowhere, or a disclosure came twice.
    #[error("a disclosure is not referred to exactly once")]
    Unreferenced,
    /// A digest came twice.
    #[error("a digest occurs more than once")]
    DuplicateDigest,
    /// A disclosure has the name of a claim that is there already.
    #[error("the claim {0:?} occurs twice")]
    DuplicateClaim(String),
    /// `_sd` or `...` do not hold what they must.
    #[error("a list of digests is malformed")]
    Digests,
    /// Disclosures inside disclosures without end.
    #[error("the claims nest too deeply")]
    Depth,
    /// A registered claim is missing or malformed.
    #[error("the claim {0} is missing or malformed")]
    Claim(&'static str),
    /// Not yet, or no longer.
    #[error("the credential is not valid at this time")]
    Validity,
}

/// Claims that must never be withheld (SD-JWT VC, "Registered JWT Claims").
const NEVER_WITHHELD: [&str; 7] = ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "status"];

const MAX_DEPTH: usize = 32;

/// Verifies a credential in the compact form that an issuer hands out, with the key that
/// `keys` finds for its header (RFC 9901 §7.1).
pub fn verify(
    compact: &str,
    keys: &dyn Fn(&Header) -> Option<Jwk>,
    now: OffsetDateTime,
) -> Result<Verified, Invalid> {
    let body = compact.strip_suffix('~').ok_or(Invalid::Form)?;
    let mut parts = body.split('~');
    let jws = Jws::parse(parts.next().ok_or(Invalid::Form)?)?;
    if jws.header().typ() != Some(TYP) {
        return Err(Invalid::Type);
    }
    let key = keys(jws.header()).ok_or(Invalid::UnknownKey)?;
    let mut payload = jws.verify_claims(&key)?;
    if payload.remove(SD_ALG.0).is_some_and(|algorithm| algorithm != SD_ALG.1) {
        return Err(Invalid::HashAlgorithm);
    }
    let mut reader = Reader { disclosures: HashMap::new(), seen: HashSet::new() };
    for disclosure in parts {
        let content = parse_disclosure(disclosure)?;
        if reader.disclosures.insert(digest_of(disclosure), content).is_some() {
            return Err(Invalid::Unreferenced);
        }
    }
    let claims = reader.object(payload, 0)?;
    if !reader.disclosures.is_empty() {
        return Err(Invalid::Unreferenced);
    }
    check_validity(&claims, now)?;
    Ok(Verified { header: jws.header().clone(), holder: holder(&claims)?, status: status(&claims)?, claims })
}

/// What a disclosure holds: `[salt, name, value]` or `[salt, value]`.
struct Content {
    name: Option<String>,
    value: Value,
}

fn parse_disclosure(disclosure: &str) -> Result<Content, Invalid> {
    let bytes = base64url::decode(disclosure).ok_or(Invalid::Disclosure)?;
    let parts: Vec<Value> = from_slice_strict(&bytes).map_err(|_| Invalid::Disclosure)?;
    let mut parts = parts.into_iter();
    let content = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Value::String(_)), Some(value), None, None) => Content { name: None, value },
        (Some(Value::String(_)), Some(Value::String(name)), Some(value), None) => {
            if [SD, ELLIPSIS].contains(&name.as_str()) {
                return Err(Invalid::Reserved(name));
            }
            Content { name: Some(name), value }
        }
        _ => return Err(Invalid::Disclosure),
    };
    Ok(content)
}

/// Puts disclosures in their places, each once.
struct Reader {
    disclosures: HashMap<String, Content>,
    seen: HashSet<String>,
}

impl Reader {
    fn value(&mut self, value: Value, depth: usize) -> Result<Value, Invalid> {
        if depth > MAX_DEPTH {
            return Err(Invalid::Depth);
        }
        match value {
            Value::Object(members) => self.object(members, depth).map(Value::Object),
            Value::Array(elements) => self.array(elements, depth).map(Value::Array),
            plain => Ok(plain),
        }
    }

    fn object(
        &mut self,
        mut members: Map<String, Value>,
        depth: usize,
    ) -> Result<Map<String, Value>, Invalid> {
        let digests = match members.remove(SD) {
            None => Vec::new(),
            Some(Value::Array(digests)) => digests,
            Some(_) => return Err(Invalid::Digests),
        };
        if members.contains_key(ELLIPSIS) {
            return Err(Invalid::Reserved(ELLIPSIS.into()));
        }
        let mut object = Map::new();
        for (name, value) in members {
            object.insert(name, self.value(value, depth + 1)?);
        }
        for digest in digests {
            let Value::String(digest) = digest else { return Err(Invalid::Digests) };
            let Some(content) = self.take(digest)? else { continue };
            let name = content.name.ok_or(Invalid::Disclosure)?;
            if depth == 0 && (NEVER_WITHHELD.contains(&name.as_str()) || name == SD_ALG.0) {
                return Err(Invalid::Reserved(name));
            }
            if object.contains_key(&name) {
                return Err(Invalid::DuplicateClaim(name));
            }
            object.insert(name, self.value(content.value, depth + 1)?);
        }
        Ok(object)
    }

    fn array(&mut self, elements: Vec<Value>, depth: usize) -> Result<Vec<Value>, Invalid> {
        let mut array = Vec::with_capacity(elements.len());
        for element in elements {
            let digest = match &element {
                Value::Object(members) if members.contains_key(ELLIPSIS) => match members.get(ELLIPSIS) {
                    Some(Value::String(digest)) if members.len() == 1 => digest.clone(),
                    _ => return Err(Invalid::Digests),
                },
                _ => {
                    array.push(self.value(element, depth + 1)?);
                    continue;
                }
            };
            let Some(content) = self.take(digest)? else { continue };
            if content.name.is_some() {
                return Err(Invalid::Disclosure);
            }
            array.push(self.value(content.value, depth + 1)?);
        }
        Ok(array)
    }

    /// The disclosure of a digest, if it was handed over and not a decoy.
    fn take(&mut self, digest: String) -> Result<Option<Content>, Invalid> {
        let content = self.disclosures.remove(&digest);
        if self.seen.insert(digest) { Ok(content) } else { Err(Invalid::DuplicateDigest) }
    }
}

fn check_validity(claims: &Map<String, Value>, now: OffsetDateTime) -> Result<(), Invalid> {
    if !claims.get("vct").is_some_and(Value::is_string) {
        return Err(Invalid::Claim("vct"));
    }
    let seconds = |name| {
        claims.get(name).map(|value| crate::proof::seconds(value).ok_or(Invalid::Claim(name))).transpose()
    };
    let now = now.unix_timestamp();
    if seconds("exp")?.is_some_and(|exp| now >= exp) || seconds("nbf")?.is_some_and(|nbf| now < nbf) {
        return Err(Invalid::Validity);
    }
    Ok(())
}

fn holder(claims: &Map<String, Value>) -> Result<Option<Jwk>, Invalid> {
    let Some(confirmation) = claims.get("cnf") else { return Ok(None) };
    let jwk = confirmation.get("jwk").ok_or(Invalid::Claim("cnf"))?;
    Jwk::parse(jwk).map(Some).map_err(|_| Invalid::Claim("cnf"))
}

fn status(claims: &Map<String, Value>) -> Result<Option<StatusReference>, Invalid> {
    let Some(list) = claims.get("status").and_then(|status| status.get("status_list")) else {
        return Ok(None);
    };
    let uri = list.get("uri").and_then(Value::as_str).ok_or(Invalid::Claim("status"))?.to_owned();
    let index = list.get("idx").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok());
    Ok(Some(StatusReference { uri, index: index.ok_or(Invalid::Claim("status"))? }))
}
