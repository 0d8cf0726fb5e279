//! What a measurement is held against.

use serde_json::{Value, json};

use crate::measure::rounded;

/// One goal: `measured` is to be at most `most`.
pub(crate) fn at_most(what: &str, unit: &str, most: f64, measured: Option<f64>) -> Value {
    json!({
        "what": what,
        "at_most": most,
        "unit": unit,
        "measured": measured.map(rounded),
        "met": measured.map(|measured| measured <= most),
    })
}

/// How often one is of the other.
pub(crate) fn ratio(one: &Value, other: &Value, member: &str) -> Option<f64> {
    let of = |value: &Value| value.get(member).and_then(Value::as_f64);
    Some(of(one)? / of(other)?).filter(|ratio| ratio.is_finite())
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub(crate) fn count(count: usize) -> f64 {
    count as f64
}
