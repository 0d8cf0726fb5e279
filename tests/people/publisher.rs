//! Who made a plugin, and says so: a key of their own, and what they sign with it.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::{Digest as _, Sha256};

use super::Plugin;
use crate::jose::base64url;

/// The holder of a publisher's key.
pub struct Publisher(Ed25519KeyPair);

impl Publisher {
    /// Somebody whom nobody knows yet.
    pub fn somebody() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    /// The public key, as issuers are told it.
    pub fn key(&self) -> String {
        base64url(self.0.public_key())
    }

    /// What they sign for a plugin.
    pub fn signs(&self, plugin: &Plugin) -> String {
        self.signs_text(&[b"chancery/plugin-publisher/v1\0", Sha256::digest(&plugin.0).as_slice()].concat())
    }

    /// What they sign for any bytes.
    pub fn signs_text(&self, bytes: &[u8]) -> String {
        format!("{}.{}", self.key(), base64url(self.0.sign(bytes)))
    }
}
