//! Where two JSON documents differ.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::member;

/// More than this helps nobody to repair anything.
const MAX_DIFFERENCES: usize = 20;
/// Of one value, as text.
const MAX_VALUE: usize = 500;

/// One place where an answer is not the expected one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What was expected there, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// What was there, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<Value>,
}

/// Every difference, the first few of them. The order of members does not count.
pub(crate) fn differences(expected: &Value, got: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", Some(expected), Some(got), &mut found);
    found
}

fn compare(at: &str, expected: Option<&Value>, got: Option<&Value>, found: &mut Vec<Difference>) {
    if found.len() >= MAX_DIFFERENCES {
        return;
    }
    match (expected, got) {
        (Some(Value::Object(expected)), Some(Value::Object(got))) => {
            for (name, value) in expected {
                compare(&member(at, name), Some(value), got.get(name), found);
            }
            for (name, value) in got.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                compare(&member(at, name), None, Some(value), found);
            }
        }
        (Some(Value::Array(expected)), Some(Value::Array(got))) => {
            for index in 0..expected.len().max(got.len()) {
                compare(&format!("{at}/{index}"), expected.get(index), got.get(index), found);
            }
        }
        (expected, got) if expected == got => {}
        (expected, got) => found.push(Difference {
            pointer: at.to_owned(),
            expected: expected.map(bounded),
            got: got.map(bounded),
        }),
    }
}

/// The value, or what is left of it in a report.
fn bounded(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= MAX_VALUE {
        return value.clone();
    }
    let end = (0..=MAX_VALUE).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let begin = text.get(..end).unwrap_or_default();
    Value::String(format!("{begin}… ({} bytes)", text.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(expected: &Value, got: &Value) -> Vec<String> {
        differences(expected, got).into_iter().map(|difference| difference.pointer).collect()
    }

    #[test]
    fn equal_documents_do_not_differ_whatever_the_order_of_their_members() {
        assert!(pointers(&json!({"a": 1, "b": [2]}), &json!({"b": [2], "a": 1})).is_empty());
    }

    #[test]
    fn every_difference_has_its_place() {
        let expected = json!({"issue": {"a": 1, "b": [1, 2], "c/d": "x"}});
        let got = json!({"issue": {"a": 2, "b": [1], "e": null}});
        assert_eq!(pointers(&expected, &got), ["/issue/a", "/issue/b/1", "/issue/c~1d", "/issue/e"]);
        let missing = &differences(&expected, &got)[1];
        assert_eq!((&missing.expected, &missing.got), (&Some(json!(2)), &None));
    }

    #[test]
    fn a_report_stays_small() {
        let many: Value = (0..1_000).collect();
        assert_eq!(differences(&many, &json!([])).len(), MAX_DIFFERENCES);
        let long = differences(&json!("ä".repeat(10_000)), &json!(1)).remove(0).expected.unwrap();
        assert!(long.as_str().unwrap().len() < 600);
    }
}
