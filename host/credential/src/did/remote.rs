//! Holders' DIDs that have to be fetched: did:web. Where the document is, and which key of it a DID URL names.

use chancery_protocol::json::from_slice_strict;
use serde_json::Value;

use super::holder::{HolderDidError, multibase_key};
use crate::jose::Jwk;

/// A DID longer than this names no host.
const MAX_LENGTH: usize = 1024;

/// Where the document of a did:web is (did:web §3.2): `did:web:h%3A8443:a` at `https://h:8443/a/did.json`.
///
/// None for what is no did:web, or would lead elsewhere than its host says.
pub fn document_url(did: &str) -> Option<String> {
    let rest = did.strip_prefix("did:web:").filter(|rest| rest.len() <= MAX_LENGTH)?;
    let mut parts = rest.split(':');
    let host = parts.next()?.replace("%3A", ":").replace("%3a", ":");
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let is_segment = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '%');
    let segments: Vec<&str> = parts.collect();
    let are_segments = segments.iter().all(|segment| {
        !segment.is_empty() && !matches!(*segment, "." | "..") && segment.chars().all(is_segment)
    });
    if host.is_empty() || !host.chars().all(is_host) || host.matches(':').count() > 1 || !are_segments {
        return None;
    }
    let path = if segments.is_empty() { ".well-known".to_owned() } else { segments.join("/") };
    Some(format!("https://{host}/{path}/did.json"))
}

/// The key that a DID URL names in the document of its DID, if it is one that its subject authenticates with.
pub fn document_key(document: &[u8], did_url: &str) -> Result<Jwk, HolderDidError> {
    let document: Value = from_slice_strict(document).map_err(|_| HolderDidError::Malformed)?;
    let (did, fragment) = did_url.split_once('#').ok_or(HolderDidError::Fragment)?;
    if document.get("id").and_then(Value::as_str) != Some(did) {
        return Err(HolderDidError::Unresolved);
    }
    let is_it = |id: &str| id == did_url || id.strip_prefix('#') == Some(fragment);
    let listed = |name: &str| document.get(name).and_then(Value::as_array).into_iter().flatten();
    let of_method = |method: &&Value| method.get("id").and_then(Value::as_str).is_some_and(is_it);
    let authenticating =
        listed("authentication").find(|entry| entry.as_str().is_some_and(is_it) || of_method(entry));
    let method = match authenticating {
        Some(Value::String(_)) => listed("verificationMethod").find(of_method),
        embedded => embedded,
    };
    let method = method.ok_or(HolderDidError::Unresolved)?;
    match (method.get("publicKeyJwk"), method.get("publicKeyMultibase").and_then(Value::as_str)) {
        (Some(jwk), None) => Ok(Jwk::parse(jwk)?),
        (None, Some(multibase)) => multibase_key(multibase),
        _ => Err(HolderDidError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::keys::SigningKey;

    #[test]
    fn a_document_is_where_the_did_says() {
        for (did, url) in [
            ("did:web:h.example", Some("https://h.example/.well-known/did.json")),
            ("did:web:h.example%3A8443:a:b", Some("https://h.example:8443/a/b/did.json")),
            ("did:web:h.example:a%20b", Some("https://h.example/a%20b/did.json")),
            ("did:web:", None),
            ("did:web:h.example:", None),
            ("did:web:h.example:..:b", None),
            ("did:web:h.example/a", None),
            ("did:web:ada@h.example", None),
            ("did:web:h.example%2Fa", None),
            ("did:web:h%3A1%3A2", None),
            ("did:web:h.example?a", None),
            ("did:key:h.example", None),
        ] {
            assert_eq!(document_url(did).as_deref(), url, "{did}");
        }
    }

    #[test]
    fn only_a_key_that_its_subject_authenticates_with_is_named() {
        let jwk = SigningKey::es256(&[1; 32]).unwrap().public_jwk().clone();
        let method = |id: &str| json!({ "id": id, "type": "JsonWebKey", "publicKeyJwk": jwk.to_value() });
        let key = |document: Value, url: &str| document_key(document.to_string().as_bytes(), url);
        let did = "did:web:h.example";
        for (id, listed) in [
            ("did:web:h.example#k", json!("did:web:h.example#k")),
            ("#k", json!("did:web:h.example#k")),
            ("did:web:h.example#k", json!("#k")),
            ("unused", method("#k")),
        ] {
            let document =
                json!({ "id": did, "verificationMethod": [method(id)], "authentication": [listed] });
            assert_eq!(key(document, "did:web:h.example#k").unwrap(), jwk, "{id}");
        }
        let document = json!({ "id": did, "verificationMethod": [method("#k")], "assertionMethod": ["#k"] });
        assert!(key(document, "did:web:h.example#k").is_err(), "it signs, and authenticates nobody");
        let listed = json!({ "id": did, "verificationMethod": [method("#k")], "authentication": ["#k"] });
        assert!(key(listed.clone(), "did:web:h.example#other").is_err());
        assert!(key(listed.clone(), "did:web:h.example").is_err());
        assert!(key(listed, "did:web:other.example#k").is_err(), "the document is of another");
    }
}
