//! Spruce's library takes an mdoc apart: signature, digests, what the object says, and whether its certificates are as
//! ISO/IEC 18013-5 Annex B wants them under an authority.

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ciborium::Value as Cbor;
use isomdl::cbor;
use isomdl::definitions::helpers::Tag24;
use isomdl::definitions::x509::trust_anchor::{PemTrustAnchor, TrustAnchorRegistry, TrustPurpose};
use isomdl::definitions::x509::validation::ValidationRuleset;
use isomdl::definitions::x509::{X5Chain, x5chain::X5CHAIN_COSE_HEADER_LABEL};
use isomdl::definitions::{CoseKey, DigestAlgorithm, IssuerSigned, Mso};
use isomdl::presentation::authentication::mdoc::issuer_authentication;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) fn read(credential: &str, authority: Option<&str>) -> Result<Value> {
    let signed: IssuerSigned = cbor::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(credential)?)?;
    let unprotected = &signed.issuer_auth.inner.unprotected.rest;
    let chain =
        unprotected.iter().find(|(label, _)| matches!(label, coset::Label::Int(X5CHAIN_COSE_HEADER_LABEL)));
    let chain = X5Chain::from_cbor(chain.context("no x5chain")?.1.clone())?;
    issuer_authentication(chain.clone(), &signed)?;

    let payload = signed.issuer_auth.inner.payload.as_ref().context("a detached payload")?;
    let object: Mso = cbor::from_slice::<Tag24<Mso>>(payload)?.into_inner();
    ensure!(matches!(object.digest_algorithm, DigestAlgorithm::SHA256), "another digest");
    let mut elements = Map::new();
    for (namespace, items) in signed.namespaces.context("no elements")?.iter() {
        let digests = object.value_digests.get(namespace).context("a namespace without digests")?;
        for item in items.iter() {
            let digest = digests.get(&item.as_ref().digest_id).context("an element without a digest")?;
            let found = Sha256::digest(cbor::to_vec(item)?);
            ensure!(digest.as_ref() == &found[..], "another digest than of this element");
            let item = item.as_ref();
            let shown = match &item.element_value {
                Cbor::Tag(1004, date) => json!(date.as_text()),
                Cbor::Text(text) => json!(text),
                Cbor::Bool(truth) => json!(truth),
                Cbor::Integer(number) => json!(i128::from(*number)),
                other => json!(format!("{other:?}")),
            };
            elements.insert(format!("{namespace}/{}", item.element_identifier), shown);
        }
    }
    let CoseKey::EC2 { x, .. } = &object.device_key_info.device_key else { bail!("another kind of key") };
    let profile = authority.map(|authority| faults(&chain, authority)).transpose()?;
    Ok(json!({
        "faults": profile,
        "doctype": object.doc_type,
        "version": object.version,
        "elements": elements,
        "digests": object.value_digests.values().map(|digests| digests.len()).sum::<usize>(),
        "device_key_x": BASE64_URL_SAFE_NO_PAD.encode(x),
        "signed": object.validity_info.signed.unix_timestamp(),
        "valid_until": object.validity_info.valid_until.unix_timestamp(),
        "signer": chain.end_entity_common_name(),
    }))
}

/// What is wrong with the chain under that authority, by the profile of mobile driving licences.
fn faults(chain: &X5Chain, authority: &str) -> Result<Vec<String>> {
    let anchor = PemTrustAnchor { certificate_pem: authority.to_owned(), purpose: TrustPurpose::Iaca };
    let anchors = TrustAnchorRegistry::from_pem_certificates(vec![anchor])?;
    Ok(ValidationRuleset::Mdl.validate(chain, &anchors).errors)
}
