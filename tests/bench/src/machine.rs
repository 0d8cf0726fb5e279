//! Where and when it was measured: figures without that are rumours.

use std::fs;

use chancery_domain::Clock as _;
use chancery_domain::clock::SystemClock;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

/// The machine, and how busy it was when the measurement began.
pub(crate) fn describe() -> Value {
    let field = |path: &str, name: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned())
    };
    let now = SystemClock.now();
    json!({
        "date": now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default(),
        "processor": field("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "load_before": load(),
    })
}

/// The load averages. Far above what the benchmark itself makes, others were using the machine.
pub(crate) fn load() -> Vec<f64> {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).filter_map(|word| word.parse().ok()).collect()
}
