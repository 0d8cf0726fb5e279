//! An SD-JWT taken apart by hand (RFC 9901): nothing of ours reads what we wrote.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::jose::{self, sha256, unbase64url};

/// An issued SD-JWT VC whose signature and digests hold.
#[derive(Debug)]
pub struct SdJwt {
    /// The protected header.
    pub header: Value,
    /// The claims as signed.
    pub payload: Value,
    /// The claims with every disclosure put in its place.
    pub claims: Value,
    /// The salts of all disclosures.
    pub salts: Vec<String>,
    /// The disclosures as they came.
    pub disclosures: Vec<String>,
}

/// Verifies the compact form under the issuer's keys and resolves all disclosures.
#[track_caller]
pub fn verify(compact: &str, jwks: &Value) -> SdJwt {
    let mut parts: Vec<_> = compact.split('~').collect();
    assert_eq!(parts.pop(), Some(""), "an issued SD-JWT ends in ~");
    let jwt = parts.remove(0);
    let (header, payload) = jose::verify(jwt, jwks);
    assert_eq!(payload.get("_sd_alg").and_then(Value::as_str).unwrap_or("sha-256"), "sha-256");

    let mut by_digest: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut salts = Vec::new();
    for disclosure in &parts {
        let entry: Vec<Value> = serde_json::from_slice(&unbase64url(disclosure)).unwrap();
        salts.push(entry[0].as_str().unwrap().to_owned());
        assert!(by_digest.insert(sha256(disclosure), entry).is_none(), "a disclosure came twice");
    }
    let claims = resolve(&payload, &mut by_digest);
    assert!(by_digest.is_empty(), "disclosures that nothing refers to: {by_digest:?}");
    let disclosures = parts.into_iter().map(str::to_owned).collect();
    SdJwt { header, payload, claims, salts, disclosures }
}

fn resolve(value: &Value, disclosures: &mut BTreeMap<String, Vec<Value>>) -> Value {
    match value {
        Value::Object(members) => {
            let mut resolved = Map::new();
            for (name, member) in members {
                if name == "_sd" {
                    for digest in member.as_array().unwrap() {
                        if let Some(entry) = disclosures.remove(digest.as_str().unwrap()) {
                            assert_eq!(entry.len(), 3, "{entry:?}");
                            let value = resolve(&entry[2], disclosures);
                            let known = resolved.insert(entry[1].as_str().unwrap().to_owned(), value);
                            assert!(known.is_none(), "a claim came twice");
                        }
                    }
                } else if name != "_sd_alg" {
                    let value = resolve(member, disclosures);
                    assert!(resolved.insert(name.clone(), value).is_none(), "a claim came twice");
                }
            }
            Value::Object(resolved)
        }
        Value::Array(elements) => {
            let resolved = elements.iter().filter_map(|element| match element.get("...") {
                None => Some(resolve(element, disclosures)),
                Some(digest) => {
                    let entry = disclosures.remove(digest.as_str().unwrap())?;
                    assert_eq!(entry.len(), 2, "{entry:?}");
                    Some(resolve(&entry[1], disclosures))
                }
            });
            // Decoys and undisclosed elements vanish.
            Value::Array(resolved.collect::<Vec<_>>())
        }
        other => other.clone(),
    }
}

/// The status at `index` of a Token Status List with two bits an entry, and its number of entries.
pub fn status(lst: &str, index: u64) -> (u8, usize) {
    let bytes = inflated(&unbase64url(lst));
    let index = usize::try_from(index).unwrap();
    ((bytes[index / 4] >> (index % 4 * 2)) & 0b11, bytes.len() * 4)
}

/// What ZLIB compressed.
pub fn inflated(compressed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(compressed), &mut bytes).unwrap();
    bytes
}
