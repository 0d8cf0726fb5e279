//! The signed form for those who read CBOR: `application/statuslist+cwt` (Token Status List §5.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value as Cbor;
use coset::{CoseSign1Builder, HeaderBuilder, TaggedCborSerializable as _, iana};

use super::{BITS, StatusList, StatusListToken, deflate};
use crate::keys::{Algorithm, SignError, Signer};
use crate::x509::CertificateChain;

/// `typ` in COSE (RFC 9596).
const TYPE: i64 = 16;
/// `x5chain` (RFC 9360 §2).
const X5CHAIN: i64 = 33;
/// Claims of a CWT (RFC 8392 §3.1).
const SUB: i64 = 2;
const EXP: i64 = 4;
const IAT: i64 = 6;
/// Claims of a status list (Token Status List §5.2).
const STATUS_LIST: i64 = 65_533;
const TTL: i64 = 65_534;

/// The media type.
pub const CWT: &str = "application/statuslist+cwt";

/// Signs a list.
pub async fn sign_cwt(
    list: &StatusList,
    token: &StatusListToken<'_>,
    signer: &dyn Signer,
    chain: Option<&CertificateChain>,
) -> Result<Vec<u8>, SignError> {
    let unusable = |error: &dyn std::fmt::Display| SignError(error.to_string());
    let integer = |number: i64| Cbor::Integer(number.into());
    let text = |text: &str| Cbor::Text(text.to_owned());
    let mut described =
        vec![(text("bits"), integer(BITS.into())), (text("lst"), Cbor::Bytes(deflate(&list.bytes)))];
    if let Some(uri) = token.aggregation_uri {
        described.push((text("aggregation_uri"), text(uri)));
    }
    let claims = Cbor::Map(vec![
        (integer(SUB), text(token.uri)),
        (integer(EXP), integer(token.expires_at.unix_timestamp())),
        (integer(IAT), integer(token.issued_at.unix_timestamp())),
        (integer(STATUS_LIST), Cbor::Map(described)),
        (integer(TTL), integer(token.ttl_seconds.into())),
    ]);
    let mut payload = Vec::new();
    ciborium::into_writer(&claims, &mut payload).map_err(|error| unusable(&error))?;
    let algorithm = match signer.algorithm() {
        Algorithm::Es256 => iana::Algorithm::ES256,
        Algorithm::EdDsa => iana::Algorithm::EdDSA,
    };
    let protected = HeaderBuilder::new().algorithm(algorithm).value(TYPE, text(CWT)).build();
    let mut unprotected = HeaderBuilder::new().key_id(signer.key_id().as_bytes().to_vec());
    if let Some(chain) = chain {
        let certificates = chain.x5c().iter().map(|der| STANDARD.decode(der).map(Cbor::Bytes));
        let mut certificates =
            certificates.collect::<Result<Vec<_>, _>>().map_err(|error| unusable(&error))?;
        let chain =
            if certificates.len() == 1 { certificates.pop() } else { Some(Cbor::Array(certificates)) };
        unprotected = unprotected.value(X5CHAIN, chain.unwrap_or(Cbor::Null));
    }
    let mut sign1 = CoseSign1Builder::new()
        .protected(protected)
        .unprotected(unprotected.build())
        .payload(payload)
        .build();
    sign1.signature = signer.sign(&sign1.tbs_data(&[])).await?;
    sign1.to_tagged_vec().map_err(|error| unusable(&error))
}
