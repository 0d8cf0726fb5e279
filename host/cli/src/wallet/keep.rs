//! What `--out` writes: credentials and their holder keys, for presenting them later.

use serde_json::{Map, Value, json};

use super::Claimed;

/// Credentials with their private keys, and what it takes to come back for others. Whoever reads it can present them.
pub fn kept(claimed: &[Claimed]) -> Value {
    let one = |claimed: &Claimed| {
        let credentials: Vec<_> = claimed
            .credentials
            .iter()
            .map(|held| json!({"credential": held.credential, "holder_key": held.holder.private_jwk()}))
            .collect();
        let mut kept = Map::new();
        kept.insert("issuer".into(), json!(claimed.issuer));
        kept.insert("configuration_id".into(), json!(claimed.configuration_id));
        kept.insert("credentials".into(), json!(credentials));
        kept.extend(claimed.waiting.as_ref().map(|waiting| ("waiting".to_owned(), waiting.kept())));
        kept.into()
    };
    Value::Array(claimed.iter().map(one).collect())
}
