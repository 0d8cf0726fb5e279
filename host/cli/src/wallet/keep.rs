//! What `--out` writes: credentials and their holder keys, for presenting them later.

use serde_json::{Value, json};

use super::Claimed;

/// Credentials with their private keys. Whoever reads it can present them.
pub fn kept(claimed: &[Claimed]) -> Value {
    let one = |claimed: &Claimed| {
        let credentials: Vec<_> = claimed
            .credentials
            .iter()
            .map(|held| json!({"credential": held.credential, "holder_key": held.holder.private_jwk()}))
            .collect();
        json!({
            "issuer": claimed.issuer,
            "configuration_id": claimed.configuration_id,
            "credentials": credentials,
        })
    };
    Value::Array(claimed.iter().map(one).collect())
}
