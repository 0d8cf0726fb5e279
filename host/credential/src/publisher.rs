//! Who published a plugin: an Ed25519 signature over the component's digest, which travels beside the component.
//!
//! What is signed is `chancery/plugin-publisher/v1`, a zero byte and the SHA-256 of the component, so a signature for
//! anything else is none for a plugin, and none for a plugin is one for anything else. As text it is the publisher's
//! public key and the signature, both base64url, with a dot between them.

use super::jose::Jwk;
use super::jose::base64url;
use super::keys::{Algorithm, SignError, SigningKey};

const CONTEXT: &[u8] = b"chancery/plugin-publisher/v1\0";

/// What a publisher says of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherSignature {
    key: [u8; 32],
    signature: [u8; 64],
}

impl PublisherSignature {
    /// Signs for a component, with an Ed25519 key.
    pub fn make(key: &SigningKey, component: &[u8; 32]) -> Result<Self, SignError> {
        let none = || SignError("publishers sign with Ed25519".into());
        if key.algorithm() != Algorithm::EdDsa {
            return Err(none());
        }
        let signature = key.sign_now(&signed(component))?.try_into().map_err(|_| none())?;
        let x = key.public_jwk().to_value();
        let public = x.get("x").and_then(serde_json::Value::as_str).and_then(key_of).ok_or_else(none)?;
        Ok(Self { key: public, signature })
    }

    /// Reads one; none if the text is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (key, signature) = text.trim().split_once('.')?;
        Some(Self { key: key_of(key)?, signature: base64url::decode(signature)?.try_into().ok()? })
    }

    /// As it travels.
    pub fn to_text(&self) -> String {
        format!("{}.{}", self.publisher(), base64url::encode(self.signature))
    }

    /// The publisher's public key, base64url: what others call them by.
    pub fn publisher(&self) -> String {
        base64url::encode(self.key)
    }

    /// Whether the publisher signed for that component.
    pub fn is_for(&self, component: &[u8; 32]) -> bool {
        let key = Jwk::from_ed25519(self.key);
        key.is_some_and(|key| key.verifies(&signed(component), &self.signature))
    }
}

/// Whether a text is a publisher's public key.
pub fn is_publisher(text: &str) -> bool {
    key_of(text).is_some_and(|key| Jwk::from_ed25519(key).is_some())
}

fn key_of(text: &str) -> Option<[u8; 32]> {
    base64url::decode(text)?.try_into().ok()
}

fn signed(component: &[u8; 32]) -> Vec<u8> {
    [CONTEXT, component].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::ed25519(&[seed; 32]).unwrap()
    }

    #[test]
    fn a_signature_is_for_one_component_and_by_one_publisher() {
        let made = PublisherSignature::make(&key(1), &[7; 32]).unwrap();
        let read = PublisherSignature::parse(&made.to_text()).unwrap();
        assert_eq!(read, made);
        assert!(is_publisher(&read.publisher()));
        assert!(read.is_for(&[7; 32]));
        assert!(!read.is_for(&[8; 32]));
        let other = PublisherSignature::make(&key(2), &[7; 32]).unwrap();
        let mixed = format!("{}.{}", other.publisher(), made.to_text().split_once('.').unwrap().1);
        assert!(!PublisherSignature::parse(&mixed).unwrap().is_for(&[7; 32]));
    }

    #[test]
    fn a_signature_over_the_bare_digest_is_none() {
        let digest = [7; 32];
        let bare: [u8; 64] = key(1).sign_now(&digest).unwrap().try_into().unwrap();
        let made = PublisherSignature::make(&key(1), &digest).unwrap();
        assert!(!PublisherSignature { signature: bare, ..made }.is_for(&digest));
    }

    #[test]
    fn every_other_text_is_none() {
        let made = PublisherSignature::make(&key(1), &[7; 32]).unwrap().to_text();
        for text in ["", ".", "a.b", &made[1..], &made[..made.len() - 2], &format!("{made}A")] {
            assert_eq!(PublisherSignature::parse(text), None, "{text}");
        }
        assert!(PublisherSignature::make(&SigningKey::es256(&[1; 32]).unwrap(), &[7; 32]).is_err());
        assert!(!is_publisher("short"));
    }
}
