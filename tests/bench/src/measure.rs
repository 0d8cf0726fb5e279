//! Durations, as they are reported.

use std::time::Duration;

use serde_json::{Value, json};

/// Median and 99th percentile in milliseconds.
pub(crate) fn milliseconds(mut all: Vec<Duration>) -> Value {
    all.sort_unstable();
    json!({ "p50": rounded(ms(quantile(&all, 50))), "p99": rounded(ms(quantile(&all, 99))) })
}

/// Median, 95th and 99th percentile in milliseconds.
pub(crate) fn spread(mut all: Vec<Duration>) -> Value {
    all.sort_unstable();
    let at = |percent| rounded(ms(quantile(&all, percent)));
    json!({ "p50": at(50), "p95": at(95), "p99": at(99), "count": all.len() })
}

/// Median and 99th percentile in microseconds.
pub(crate) fn microseconds(mut all: Vec<Duration>) -> Value {
    all.sort_unstable();
    json!({ "p50": rounded(ms(quantile(&all, 50)) * 1e3), "p99": rounded(ms(quantile(&all, 99)) * 1e3) })
}

/// The nearest-rank quantile of sorted durations.
fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// In milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A share of a whole.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub(crate) fn per(whole: f64, count: usize) -> f64 {
    whole / count.max(1) as f64
}

/// Three digits after the point; more would pretend.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
