//! From a dataset to a signed mdoc.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_domain::template::{MdocElement, MdocProjection};
use chancery_domain::{Dataset, IssuanceToken, Random, random_bytes};
use ciborium::Value as Cbor;
use coset::{AsCborValue, CoseSign1Builder, HeaderBuilder, iana};
use time::OffsetDateTime;

use super::cbor::{bytes, cose_key, element_value, encoded, map, tdate};
use super::{DIGEST_ALGORITHM, VERSION, X5CHAIN};
use crate::jose::{Jwk, base64url};
use crate::keys::{Algorithm, SignError, Signer};
use crate::x509::CertificateChain;

/// What one mdoc is to say.
#[derive(Debug, Clone, Copy)]
pub struct Mdoc<'a> {
    /// Where each field goes.
    pub projection: &'a MdocProjection,
    /// The fields.
    pub dataset: &'a Dataset,
    /// The device key.
    pub holder: &'a Jwk,
    /// `signed` and `validFrom`, already rounded so that the copies of a batch cannot be linked by it.
    pub issued_at: OffsetDateTime,
    /// `validUntil`, likewise; the certificate may end it sooner.
    pub expires_at: OffsetDateTime,
    /// Where the status list named by the token is published.
    pub status_list_uri: &'a str,
}

/// Why no mdoc was made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A value is not of the form that its element declares.
    #[error("the field {0:?} cannot be encoded as its element declares")]
    Value(String),
    /// The signature.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Signs one mdoc. The token is spent, whatever comes of it: a status index is never used twice.
///
/// Digest ids are drawn, and an element whose field is absent leaves a digest of nothing: neither the ids nor
/// the number of digests tell anything about the subject.
pub async fn issue(
    token: IssuanceToken,
    mdoc: &Mdoc<'_>,
    signer: &dyn Signer,
    chain: &CertificateChain,
    random: &dyn Random,
) -> Result<String, IssueError> {
    if chain.public_jwk() != signer.public_jwk() {
        return Err(SignError("the certificate is not the signing key's".into()).into());
    }
    let (name_spaces, value_digests) = conceal(mdoc, random)?;
    // ISO/IEC 18013-5 §9.1.2.4: the object is valid within its certificate.
    let signed = mdoc.issued_at.max(chain.valid_from());
    let until = mdoc.expires_at.min(chain.expires_at());
    let reference = map([
        ("idx", Cbor::Integer(token.status().index.into())),
        ("uri", Cbor::Text(mdoc.status_list_uri.to_owned())),
    ]);
    let object = map([
        ("version", Cbor::Text(VERSION.to_owned())),
        ("digestAlgorithm", Cbor::Text(DIGEST_ALGORITHM.to_owned())),
        ("valueDigests", value_digests),
        ("deviceKeyInfo", map([("deviceKey", cose_key(mdoc.holder))])),
        ("docType", Cbor::Text(mdoc.projection.doctype.clone())),
        (
            "validityInfo",
            map([("signed", tdate(signed)), ("validFrom", tdate(signed)), ("validUntil", tdate(until))]),
        ),
        ("status", map([("status_list", reference)])),
    ]);
    let issuer_auth = sign(&bytes(&encoded(&object)), signer, chain).await?;
    let issued = map([("nameSpaces", name_spaces), ("issuerAuth", issuer_auth)]);
    Ok(base64url::encode(bytes(&issued)))
}

/// The items of every namespace, and the digests of them all.
fn conceal(mdoc: &Mdoc<'_>, random: &dyn Random) -> Result<(Cbor, Cbor), IssueError> {
    let mut namespaces: Vec<(&str, Vec<&MdocElement>)> = Vec::new();
    for element in &mdoc.projection.elements {
        match namespaces.iter_mut().find(|(name, _)| *name == element.namespace) {
            Some((_, elements)) => elements.push(element),
            None => namespaces.push((&element.namespace, vec![element])),
        }
    }
    let (mut items, mut digests) = (Vec::new(), Vec::new());
    for (name, elements) in namespaces {
        let ids = shuffled(elements.len(), random);
        let (mut here, mut known) = (Vec::new(), Vec::new());
        for (element, id) in elements.into_iter().zip(ids) {
            let hash = match item(mdoc.dataset, element, id, random)? {
                Some(item) => {
                    let hash = digest(&SHA256, &bytes(&item)).as_ref().to_vec();
                    here.push(item);
                    hash
                }
                None => random_bytes::<32>(random).to_vec(),
            };
            known.push((id, hash));
        }
        known.sort_unstable_by_key(|(id, _)| *id);
        let known = known.into_iter().map(|(id, hash)| (Cbor::Integer(id.into()), Cbor::Bytes(hash)));
        digests.push((Cbor::Text(name.to_owned()), Cbor::Map(known.collect())));
        if !here.is_empty() {
            items.push((Cbor::Text(name.to_owned()), Cbor::Array(here)));
        }
    }
    Ok((Cbor::Map(items), Cbor::Map(digests)))
}

/// One element, if the dataset has it.
fn item(
    dataset: &Dataset,
    element: &MdocElement,
    id: u32,
    random: &dyn Random,
) -> Result<Option<Cbor>, IssueError> {
    let Some(value) = dataset.values.get(&element.field) else { return Ok(None) };
    let value = element_value(value, element.cbor).ok_or_else(|| IssueError::Value(element.field.clone()))?;
    Ok(Some(encoded(&map([
        ("digestID", Cbor::Integer(id.into())),
        ("random", Cbor::Bytes(random_bytes::<32>(random).to_vec())),
        ("elementIdentifier", Cbor::Text(element.element.clone())),
        ("elementValue", value),
    ]))))
}

/// The numbers below `count`, each order equally likely.
fn shuffled(count: usize, random: &dyn Random) -> Vec<u32> {
    let mut drawn: Vec<([u8; 16], u32)> = (0..).take(count).map(|id| (random_bytes(random), id)).collect();
    drawn.sort_unstable();
    drawn.into_iter().map(|(_, id)| id).collect()
}

/// `issuerAuth`: untagged, the algorithm protected, the chain not (ISO/IEC 18013-5 §9.1.2.4).
async fn sign(payload: &[u8], signer: &dyn Signer, chain: &CertificateChain) -> Result<Cbor, SignError> {
    let unusable = |error: &dyn std::fmt::Display| SignError(error.to_string());
    let algorithm = match signer.algorithm() {
        Algorithm::Es256 => iana::Algorithm::ES256,
        Algorithm::EdDsa => iana::Algorithm::EdDSA,
    };
    let certificates = chain.x5c().iter().map(|der| STANDARD.decode(der).map(Cbor::Bytes));
    let mut certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|error| unusable(&error))?;
    let chain = if certificates.len() == 1 { certificates.pop() } else { Some(Cbor::Array(certificates)) };
    let mut sign1 = CoseSign1Builder::new()
        .protected(HeaderBuilder::new().algorithm(algorithm).build())
        .unprotected(HeaderBuilder::new().value(X5CHAIN, chain.unwrap_or(Cbor::Null)).build())
        .payload(payload.to_vec())
        .build();
    sign1.signature = signer.sign(&sign1.tbs_data(&[])).await?;
    sign1.to_cbor_value().map_err(|error| unusable(&error))
}
