//! An mdoc taken apart by hand (ISO/IEC 18013-5 §9.1.2, RFC 9052 §4.4): nothing of ours reads what we wrote.

use std::collections::{BTreeMap, BTreeSet};

use ciborium::Value as Cbor;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::jose::unbase64url;

/// An mdoc whose signature and digests hold.
#[derive(Debug)]
pub struct Mdoc {
    /// The mobile security object.
    pub object: Cbor,
    /// Namespace → element → value.
    pub elements: BTreeMap<String, BTreeMap<String, Cbor>>,
    /// The salts of all items.
    pub salts: Vec<Vec<u8>>,
    /// How many digests there are.
    pub digests: usize,
}

/// Verifies an `IssuerSigned` under one of the issuer's keys.
#[track_caller]
pub fn verify(credential: &str, jwks: &Value) -> Mdoc {
    let issued = read(&unbase64url(credential));
    let sign1 = member(&issued, "issuerAuth").as_array().unwrap().clone();
    let (header, payload) = verify_sign1(&sign1, jwks);
    assert_eq!(header, Cbor::Map(vec![(1.into(), (-7).into())]), "ES256, and nothing else protected");
    let object = embedded(&read(&payload));
    let mut mdoc = Mdoc { elements: BTreeMap::new(), salts: Vec::new(), digests: 0, object: object.clone() };
    for (namespace, known) in member(&object, "valueDigests").as_map().unwrap() {
        mdoc.digests += known.as_map().unwrap().len();
        let ids: BTreeSet<_> = known.as_map().unwrap().iter().map(|(id, _)| write(id)).collect();
        assert_eq!(ids.len(), known.as_map().unwrap().len(), "an id for each digest of {namespace:?}");
    }
    for (namespace, items) in member(&issued, "nameSpaces").as_map().unwrap() {
        let namespace = namespace.as_text().unwrap();
        let known = member(member(&object, "valueDigests"), namespace).as_map().unwrap();
        let here = mdoc.elements.entry(namespace.to_owned()).or_default();
        for item in items.as_array().unwrap() {
            let opened = embedded(item);
            let id = member(&opened, "digestID");
            let (_, digest) = known.iter().find(|(other, _)| other == id).expect("a digest of that id");
            assert_eq!(digest.as_bytes().unwrap().as_slice(), Sha256::digest(write(item)).as_slice());
            mdoc.salts.push(member(&opened, "random").as_bytes().unwrap().clone());
            let name = member(&opened, "elementIdentifier").as_text().unwrap().to_owned();
            assert!(here.insert(name, member(&opened, "elementValue").clone()).is_none(), "an element twice");
        }
    }
    mdoc
}

impl Mdoc {
    /// The place and the number of its entry in a status list.
    pub fn status(&self) -> (String, u64) {
        let entry = member(member(&self.object, "status"), "status_list");
        let index = member(entry, "idx").as_integer().unwrap();
        (member(entry, "uri").as_text().unwrap().to_owned(), index.try_into().unwrap())
    }

    /// When it was signed, in seconds since 1970.
    pub fn signed_at(&self) -> i64 {
        let Cbor::Tag(0, signed) = member(member(&self.object, "validityInfo"), "signed") else {
            panic!("a tdate")
        };
        let format = &time::format_description::well_known::Rfc3339;
        time::OffsetDateTime::parse(signed.as_text().unwrap(), format).unwrap().unix_timestamp()
    }

    /// The x coordinate of the key that it is bound to, as JWKs have it (RFC 9053 §7.1.1).
    pub fn device_key_x(&self) -> String {
        let key = member(member(&self.object, "deviceKeyInfo"), "deviceKey").as_map().unwrap();
        let x = key.iter().find(|(label, _)| *label == Cbor::from(-2)).expect("x");
        crate::jose::base64url(x.1.as_bytes().unwrap())
    }
}

/// Verifies a tagged CWT (RFC 8392) under one of the issuer's keys: its protected header and its claims.
#[track_caller]
pub fn verify_cwt(token: &[u8], jwks: &Value) -> (Cbor, Cbor) {
    let Cbor::Tag(18, sign1) = read(token) else { panic!("a tagged COSE_Sign1") };
    let (header, payload) = verify_sign1(sign1.as_array().unwrap(), jwks);
    (header, read(&payload))
}

/// The protected header and the payload of what a key of the issuer signed, whose certificate comes along.
#[track_caller]
fn verify_sign1(sign1: &[Cbor], jwks: &Value) -> (Cbor, Vec<u8>) {
    let [protected, unprotected, payload, signature] = sign1 else { panic!("a COSE_Sign1") };
    let chain = unprotected.as_map().unwrap().iter().find(|(label, _)| *label == Cbor::from(33));
    let leaf = chain.expect("x5chain").1.as_bytes().expect("one certificate, so no array");
    let signed = write(&Cbor::Array(vec![
        "Signature1".into(),
        protected.clone(),
        Cbor::Bytes(Vec::new()),
        payload.clone(),
    ]));
    let points = jwks["keys"].as_array().unwrap().iter().map(|jwk| {
        let coordinate = |name: &str| unbase64url(&crate::answer::text(&jwk[name]));
        [vec![4], coordinate("x"), coordinate("y")].concat()
    });
    let certified = |point: &Vec<u8>| leaf.windows(point.len()).any(|window| window == point);
    let point = points.into_iter().find(certified).expect("the leaf certifies a key of the issuer");
    let algorithm = &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED;
    aws_lc_rs::signature::UnparsedPublicKey::new(algorithm, point)
        .verify(&signed, signature.as_bytes().unwrap())
        .expect("the signature of the issuer");

    (read(protected.as_bytes().unwrap()), payload.as_bytes().unwrap().clone())
}

/// The member of a map.
#[track_caller]
pub fn member<'a>(map: &'a Cbor, name: &str) -> &'a Cbor {
    let members = map.as_map().unwrap_or_else(|| panic!("a map with {name}, not {map:?}"));
    let found = members.iter().find(|(key, _)| key.as_text() == Some(name));
    &found.unwrap_or_else(|| panic!("{name} in {map:?}")).1
}

/// What a tag 24 wraps.
#[track_caller]
fn embedded(value: &Cbor) -> Cbor {
    let Cbor::Tag(24, bytes) = value else { panic!("an embedded item, not {value:?}") };
    read(bytes.as_bytes().unwrap())
}

#[track_caller]
fn read(mut bytes: &[u8]) -> Cbor {
    let value = ciborium::from_reader(&mut bytes).unwrap();
    assert!(bytes.is_empty(), "bytes behind the end");
    value
}

fn write(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}
