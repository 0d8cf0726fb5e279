//! What a plugin said lately: its own lines, escaped by the engine, and why it failed.

use std::collections::VecDeque;

use chancery_engine::{FaultKind, LogLevel, LogLine};
use serde::Serialize;
use time::OffsetDateTime;

/// How many lines of a plugin at a tenant are kept.
const KEPT: usize = 200;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Line {
    /// Counts up from 1, from the start of this process on.
    pub(crate) number: u64,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// `debug`, `info`, `warn`, `error`; or `fault`, where the host tells why a call brought no answer.
    level: &'static str,
    message: String,
}

/// The newest lines.
#[derive(Default)]
pub(super) struct Lines {
    said: u64,
    kept: VecDeque<Line>,
}

impl Lines {
    /// Keeps what was said in a call, and what became of it if it failed.
    pub(super) fn note(&mut self, log: &[LogLine], fault: Option<&FaultKind>, at: OffsetDateTime) {
        for line in log {
            self.keep(at, level(line.level), line.message.clone());
        }
        if let Some(kind) = fault {
            self.keep(at, "fault", kind.to_string());
        }
    }

    fn keep(&mut self, at: OffsetDateTime, level: &'static str, message: String) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.said += 1;
        self.kept.push_back(Line { number: self.said, at, level, message });
    }

    /// What is kept of the lines after that number.
    pub(super) fn after(&self, number: u64) -> Vec<Line> {
        self.kept.iter().filter(|line| line.number > number).cloned().collect()
    }
}

const fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 10:20:30 UTC);

    #[test]
    fn the_newest_lines_are_kept_and_their_numbers_go_on() {
        let mut lines = Lines::default();
        for number in 0..250 {
            let line = LogLine { level: LogLevel::Info, message: format!("line {number}") };
            lines.note(&[line], None, NOW);
        }
        lines.note(&[], Some(&FaultKind::Timeout), NOW);
        assert_eq!(lines.after(0).len(), KEPT);
        let last = lines.after(250);
        assert_eq!((last.len(), last[0].number, last[0].level), (1, 251, "fault"));
    }
}
