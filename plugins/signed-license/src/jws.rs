//! Whether a document is what somebody trusted has signed: a compact JWS (RFC 7515, RFC 8037).

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_compact::{PublicKey, Signature};
use serde::Deserialize;

/// What a licence's header says it is, so that no other signed thing is taken for one.
pub const TYPE: &str = "chancery-license+jwt";

/// A key whose signatures are trusted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// Its name.
    kid: String,
    /// Its public half, as in a JWK.
    x: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    /// Extensions that must be understood; none is.
    crit: Option<serde_json::Value>,
}

/// The payload, if the signature is right; else a sentence on cause and fix.
pub fn verified(document: &str, keys: &[TrustedKey]) -> Result<Vec<u8>, String> {
    let none = || "the document is not a compact JWS; install it as it was sent, in one line".to_owned();
    let (signed, signature) = document.rsplit_once('.').ok_or_else(none)?;
    let (header, payload) = signed.split_once('.').ok_or_else(none)?;
    let decoded = |part: &str| Base64UrlUnpadded::decode_vec(part).map_err(|_| none());
    let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| none())?;
    // RFC 9864 names the curve; older software names the family.
    if !matches!(&*header.alg, "Ed25519" | "EdDSA") || header.typ != TYPE || header.crit.is_some() {
        return Err(format!(
            "the document is signed as something else than a licence (`typ` {TYPE}, `alg` Ed25519)"
        ));
    }
    let key = keys.iter().find(|key| key.kid == header.kid).ok_or_else(|| {
        "the licence is signed with a key that is not trusted; add the key to the configuration".to_owned()
    })?;
    let key = Base64UrlUnpadded::decode_vec(&key.x).ok().and_then(|x| PublicKey::from_slice(&x).ok());
    let key = key.ok_or_else(|| "the trusted key is no Ed25519 key; correct the configuration".to_owned())?;
    let signature = Signature::from_slice(&decoded(signature)?).map_err(|_| none())?;
    match key.verify(signed, &signature) {
        Ok(()) => decoded(payload),
        Err(_) => Err("the signature is wrong: the licence was changed; install it as it was sent".into()),
    }
}

#[cfg(test)]
mod tests {
    use chancery_plugin_sdk::{Value, json};
    use ed25519_compact::{KeyPair, Seed};

    use super::*;

    /// RFC 8032 §7.1, test 1.
    fn pair() -> KeyPair {
        let seed = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
            0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
        ];
        KeyPair::from_seed(Seed::new(seed))
    }

    fn keys() -> Vec<TrustedKey> {
        vec![TrustedKey { kid: "test".into(), x: Base64UrlUnpadded::encode_string(&*pair().pk) }]
    }

    fn signed(header: &Value, payload: &str) -> String {
        let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        let signed = format!("{}.{}", encode(&header.to_string()), encode(payload));
        let signature = pair().sk.sign(&signed, None);
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&*signature))
    }

    #[test]
    fn what_a_trusted_key_signed_is_read() {
        for alg in ["Ed25519", "EdDSA"] {
            let document = signed(&json!({"alg": alg, "typ": TYPE, "kid": "test"}), "{}");
            assert_eq!(verified(&document, &keys()).unwrap(), b"{}");
        }
    }

    #[test]
    fn a_header_that_says_something_else_is_refused() {
        for header in [
            json!({"alg": "none", "typ": TYPE, "kid": "test"}),
            json!({"alg": "HS256", "typ": TYPE, "kid": "test"}),
            json!({"alg": "Ed25519", "typ": "JWT", "kid": "test"}),
            json!({"alg": "Ed25519", "kid": "test"}),
            json!({"alg": "Ed25519", "typ": TYPE, "kid": "other"}),
            json!({"alg": "Ed25519", "typ": TYPE}),
            json!({"alg": "Ed25519", "typ": TYPE, "kid": "test", "crit": ["exp"]}),
        ] {
            assert!(verified(&signed(&header, "{}"), &keys()).is_err(), "{header}");
        }
    }

    #[test]
    fn one_changed_character_is_noticed_anywhere() {
        let document = signed(&json!({"alg": "Ed25519", "typ": TYPE, "kid": "test"}), r#"{"features":[]}"#);
        for (index, _) in document.char_indices() {
            let changed = if document[index..].starts_with('A') { "B" } else { "A" };
            let mut tampered = document.clone();
            tampered.replace_range(index..=index, changed);
            assert!(verified(&tampered, &keys()).is_err(), "{tampered}");
        }
        for nonsense in ["", ".", "..", "a.b.c", &document[..document.len() - 1], &format!("{document}.A")] {
            assert!(verified(nonsense, &keys()).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_key_that_is_none_trusts_nothing() {
        let document = signed(&json!({"alg": "Ed25519", "typ": TYPE, "kid": "test"}), "{}");
        // The neutral element verifies anything under software that does not look.
        for x in ["AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAA", "!"] {
            let keys = [TrustedKey { kid: "test".into(), x: x.into() }];
            assert!(verified(&document, &keys).is_err(), "{x}");
        }
    }
}
