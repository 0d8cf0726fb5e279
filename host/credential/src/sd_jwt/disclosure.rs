//! Disclosures and their digests (RFC 9901 §4.2).

use aws_lc_rs::digest::{SHA256, digest};
use chancery_domain::{Random, random_bytes};
use serde_json::{Map, Value};

use super::{ELLIPSIS, SD};
use crate::jose::base64url;

/// Withholds values: keeps the disclosures, gives the digests.
pub(super) struct Concealment<'a> {
    random: &'a dyn Random,
    disclosures: Vec<String>,
}

impl<'a> Concealment<'a> {
    pub(super) fn new(random: &'a dyn Random) -> Self {
        Self { random, disclosures: Vec::new() }
    }

    /// Withholds an object member; the digest goes into `_sd`.
    pub(super) fn member(&mut self, name: &str, value: Value) -> String {
        let salt = self.salt();
        self.conceal(&Value::Array(vec![salt, name.into(), value]))
    }

    /// Withholds an array element; the object goes in its place.
    pub(super) fn element(&mut self, value: Value) -> Value {
        let salt = self.salt();
        let digest = self.conceal(&Value::Array(vec![salt, value]));
        let mut placeholder = Map::new();
        placeholder.insert(ELLIPSIS.into(), digest.into());
        Value::Object(placeholder)
    }

    /// A digest of nothing (RFC 9901 §4.2.5).
    pub(super) fn decoy(&self) -> String {
        digest_of(&base64url::encode(random_bytes::<32>(self.random)))
    }

    /// The disclosures, each after the ones that its own value refers to.
    pub(super) fn into_disclosures(self) -> Vec<String> {
        self.disclosures
    }

    fn conceal(&mut self, content: &Value) -> String {
        let disclosure = base64url::encode(content.to_string());
        let digest = digest_of(&disclosure);
        self.disclosures.push(disclosure);
        digest
    }

    /// 128 bits, fresh for every value of every credential.
    fn salt(&self) -> Value {
        base64url::encode(random_bytes::<16>(self.random)).into()
    }
}

/// Puts `digests` into `object` as `_sd`, sorted so that their order says nothing.
pub(super) fn insert_digests(object: &mut Map<String, Value>, mut digests: Vec<String>) {
    if !digests.is_empty() {
        digests.sort_unstable();
        object.insert(SD.into(), digests.into());
    }
}

/// The digest is over the disclosure as it is transported.
pub(super) fn digest_of(disclosure: &str) -> String {
    base64url::encode(digest(&SHA256, disclosure.as_bytes()))
}
