//! One spelling for one JSON value, so that equal documents have equal digests.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

/// The value with its members sorted by name, at every depth.
///
/// A database that stores JSON by value returns members in its own order; the digest of a
/// configuration must not depend on that.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            Value::Object(
                members.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(elements) => Value::Array(elements.iter().map(sorted).collect()),
        scalar => scalar.clone(),
    }
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_members_does_not_matter() {
        let one: Value = serde_json::from_str(r#"{"b":{"y":1,"x":[{"q":1,"p":2}]},"a":2}"#).unwrap();
        assert_eq!(sorted(&one).to_string(), r#"{"a":2,"b":{"x":[{"p":2,"q":1}],"y":1}}"#);
    }

    #[test]
    fn the_order_of_elements_does() {
        assert_ne!(sorted(&json!([1, 2])).to_string(), sorted(&json!([2, 1])).to_string());
    }
}
