//! did:web: the issuer's keys as a DID document.

use serde_json::{Value, json};
use url::Url;

use crate::jose::Jwk;

/// The did:web of an issuer identifier: `https://h:8080/acme` is `did:web:h%3A8080:acme`.
///
/// None for what did:web cannot name: addresses that are no domain, a query, a fragment,
/// empty path segments (a trailing slash).
pub fn did_web(issuer: &str) -> Option<String> {
    let url = Url::parse(issuer).ok()?;
    if !matches!(url.scheme(), "https" | "http") || url.query().is_some() || url.fragment().is_some() {
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let mut did = format!("did:web:{}", url.domain()?);
    if let Some(port) = url.port() {
        did.push_str("%3A");
        did.push_str(&port.to_string());
    }
    if url.path() == "/" {
        // A lone slash is how the parser writes an empty path; given explicitly it is a segment.
        return (!issuer.ends_with('/')).then_some(did);
    }
    for segment in url.path_segments()? {
        if segment.is_empty() {
            return None;
        }
        did.push(':');
        did.push_str(segment);
    }
    Some(did)
}

/// The id of the verification method of one key.
pub fn verification_method(did: &str, key: &Jwk) -> String {
    format!("{did}#{}", key.thumbprint())
}

/// The DID document: every key may make assertions, none may act for the issuer otherwise.
pub fn did_document(did: &str, keys: &[Jwk]) -> Value {
    let methods: Vec<Value> = keys
        .iter()
        .map(|key| {
            json!({
                "id": verification_method(did, key),
                "type": "JsonWebKey",
                "controller": did,
                "publicKeyJwk": key.to_published(),
            })
        })
        .collect();
    let ids: Vec<String> = keys.iter().map(|key| verification_method(did, key)).collect();
    json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"],
        "id": did,
        "verificationMethod": methods,
        "assertionMethod": ids,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    #[test]
    fn an_issuer_identifier_becomes_a_did() {
        for (issuer, did) in [
            ("https://h.example", Some("did:web:h.example")),
            ("https://h.example/acme", Some("did:web:h.example:acme")),
            ("https://h.example:8443/a/b", Some("did:web:h.example%3A8443:a:b")),
            ("https://h.example:443", Some("did:web:h.example")),
            ("http://localhost:8080/acme", Some("did:web:localhost%3A8080:acme")),
            ("https://H.example/Acme", Some("did:web:h.example:Acme")),
            ("https://h.example/a%20b", Some("did:web:h.example:a%20b")),
            ("https://h.example/", None),
            ("https://h.example/acme/", None),
            ("https://h.example//acme", None),
            ("https://h.example/acme?x", None),
            ("https://h.example/acme#x", None),
            ("https://user@h.example", None),
            ("https://192.0.2.1", None),
            ("ftp://h.example", None),
            ("acme", None),
        ] {
            assert_eq!(did_web(issuer).as_deref(), did, "{issuer}");
        }
    }

    #[test]
    fn the_document_lists_every_key_by_its_thumbprint() {
        let keys = [SigningKey::es256(&[1; 32]).unwrap(), SigningKey::ed25519(&[1; 32]).unwrap()];
        let document =
            did_document("did:web:h.example", &keys.each_ref().map(|key| key.public_jwk().clone()));
        for (position, key) in keys.iter().enumerate() {
            let id = format!("did:web:h.example#{}", key.key_id());
            assert_eq!(document["verificationMethod"][position]["id"], id);
            assert_eq!(document["assertionMethod"][position], id);
            assert!(document["verificationMethod"][position]["publicKeyJwk"].get("d").is_none());
        }
    }
}
