//! An mdoc as the one who receives it sees it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value as Cbor;
use coset::{AsCborValue, CoseSign1, RegisteredLabelWithPrivate, iana};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::cbor::{as_json, bytes, decoded, jwk, member, read};
use super::{DIGEST_ALGORITHM, VERSION, X5CHAIN};
use crate::jose::{Jwk, base64url};
use crate::keys::Algorithm;
use crate::sd_jwt::StatusReference;

/// An mdoc whose signature, digests and validity hold.
#[derive(Debug, Clone)]
pub struct VerifiedMdoc {
    /// The document type.
    pub doctype: String,
    /// Namespace → element → value, as JSON shows it.
    pub elements: Map<String, Value>,
    /// How many digests there are, decoys included.
    pub digests: usize,
    /// The key that the mdoc is bound to.
    pub holder: Jwk,
    /// `signed`.
    pub signed: OffsetDateTime,
    /// `validUntil`.
    pub expires_at: OffsetDateTime,
    /// Where its status is published.
    pub status: Option<StatusReference>,
}

/// Why an mdoc was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Some part of it is missing or of another form.
    #[error("{0} is missing or malformed")]
    Malformed(&'static str),
    /// No key for this chain, or not its signature.
    #[error("the signature is not by a trusted key")]
    Signature,
    /// The item is not the one whose digest was signed.
    #[error("the element {0:?} is not the one that was signed")]
    Digest(String),
    /// Not yet, or no more.
    #[error("it is not valid at this time")]
    Validity,
}

/// Verifies an `IssuerSigned`, with the key that `keys` finds for the certificates (`x5c` form, leaf first).
pub fn verify(
    credential: &str,
    keys: &dyn Fn(&[String]) -> Option<Jwk>,
    now: OffsetDateTime,
) -> Result<VerifiedMdoc, Invalid> {
    let malformed = Invalid::Malformed;
    let issued = base64url::decode(credential).and_then(|bytes| read(&bytes)).ok_or(malformed("the CBOR"))?;
    let sign1 = member(&issued, "issuerAuth").cloned().ok_or(malformed("issuerAuth"))?;
    let sign1 = CoseSign1::from_cbor_value(sign1).map_err(|_| malformed("issuerAuth"))?;
    let chain = chain_of(&sign1).ok_or(malformed("x5chain"))?;
    let key = keys(&chain).ok_or(Invalid::Signature)?;
    let algorithm = match key.algorithm() {
        Algorithm::Es256 => iana::Algorithm::ES256,
        Algorithm::EdDsa => iana::Algorithm::EdDSA,
    };
    let is_its_algorithm =
        sign1.protected.header.alg == Some(RegisteredLabelWithPrivate::Assigned(algorithm));
    if !is_its_algorithm || !key.verifies(&sign1.tbs_data(&[]), &sign1.signature) {
        return Err(Invalid::Signature);
    }
    let object = sign1.payload.as_deref().and_then(read).and_then(|payload| decoded(&payload));
    let object = object.ok_or(malformed("the mobile security object"))?;
    let text = |name: &'static str| member(&object, name).and_then(Cbor::as_text).ok_or(malformed(name));
    if text("version")? != VERSION || text("digestAlgorithm")? != DIGEST_ALGORITHM {
        return Err(malformed("version or digestAlgorithm"));
    }
    let (signed, expires_at) = validity(&object).ok_or(malformed("validityInfo"))?;
    if now < signed || now >= expires_at {
        return Err(Invalid::Validity);
    }
    let holder = member(&object, "deviceKeyInfo").and_then(|info| jwk(member(info, "deviceKey")?));
    let digests = member(&object, "valueDigests").and_then(Cbor::as_map).ok_or(malformed("valueDigests"))?;
    let items = member(&issued, "nameSpaces").and_then(Cbor::as_map).ok_or(malformed("nameSpaces"))?;
    Ok(VerifiedMdoc {
        doctype: text("docType")?.to_owned(),
        elements: elements(items, digests)?,
        digests: digests.iter().filter_map(|(_, known)| known.as_map()).map(Vec::len).sum(),
        holder: holder.ok_or(malformed("deviceKey"))?,
        signed,
        expires_at,
        status: member(&object, "status")
            .map(|status| reference(status).ok_or(malformed("status")))
            .transpose()?,
    })
}

/// One certificate as bytes, several as an array (RFC 9360 §2).
fn chain_of(sign1: &CoseSign1) -> Option<Vec<String>> {
    let label = coset::Label::Int(X5CHAIN);
    let (_, chain) = sign1.unprotected.rest.iter().find(|(name, _)| *name == label)?;
    match chain {
        Cbor::Bytes(der) => Some(vec![STANDARD.encode(der)]),
        Cbor::Array(chain) if chain.len() > 1 => {
            chain.iter().map(|der| der.as_bytes().map(|der| STANDARD.encode(der))).collect()
        }
        _ => None,
    }
}

fn validity(object: &Cbor) -> Option<(OffsetDateTime, OffsetDateTime)> {
    let info = member(object, "validityInfo")?;
    let moment = |name: &str| match member(info, name)? {
        Cbor::Tag(0, text) => OffsetDateTime::parse(text.as_text()?, &Rfc3339).ok(),
        _ => None,
    };
    let (signed, from, until) = (moment("signed")?, moment("validFrom")?, moment("validUntil")?);
    (signed <= from && from < until).then_some((from, until))
}

/// Every element's digest must be among those that were signed, each under an id of its own.
fn elements(items: &[(Cbor, Cbor)], digests: &[(Cbor, Cbor)]) -> Result<Map<String, Value>, Invalid> {
    let mut all = Map::new();
    for (name, items) in items {
        let name = name.as_text().ok_or(Invalid::Malformed("a namespace"))?;
        let items = items.as_array().ok_or(Invalid::Malformed("a namespace"))?;
        let known = digests.iter().find(|(other, _)| other.as_text() == Some(name));
        let known = known.and_then(|(_, known)| known.as_map()).ok_or(Invalid::Malformed("valueDigests"))?;
        let mut here = Map::new();
        for embedded in items {
            let item = decoded(embedded).ok_or(Invalid::Malformed("an item"))?;
            let identifier = member(&item, "elementIdentifier").and_then(Cbor::as_text);
            let (Some(identifier), Some(value)) = (identifier, member(&item, "elementValue")) else {
                return Err(Invalid::Malformed("an item"));
            };
            let is_long = |salt: &Vec<u8>| salt.len() >= 16;
            if !member(&item, "random").and_then(Cbor::as_bytes).is_some_and(is_long) {
                return Err(Invalid::Malformed("random"));
            }
            let id = member(&item, "digestID").and_then(Cbor::as_integer);
            let expected = known.iter().find(|(known, _)| id.is_some() && known.as_integer() == id);
            let actual = digest(&SHA256, &bytes(embedded));
            let fits =
                expected.and_then(|(_, hash)| hash.as_bytes()).is_some_and(|hash| hash == actual.as_ref());
            if !fits || here.insert(identifier.to_owned(), as_json(value)).is_some() {
                return Err(Invalid::Digest(identifier.to_owned()));
            }
        }
        if all.insert(name.to_owned(), Value::Object(here)).is_some() {
            return Err(Invalid::Malformed("a namespace"));
        }
    }
    Ok(all)
}

fn reference(status: &Cbor) -> Option<StatusReference> {
    let list = member(status, "status_list")?;
    let index = u32::try_from(member(list, "idx")?.as_integer()?).ok()?;
    Some(StatusReference { uri: member(list, "uri")?.as_text()?.to_owned(), index })
}
