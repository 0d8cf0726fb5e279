//! What a plugin said lately: its own lines, escaped by the engine, and why it failed.

use std::collections::VecDeque;

use chancery_engine::{FaultKind, LogLevel, LogLine};
use serde::Serialize;
use time::OffsetDateTime;

/// How many lines of a plugin at a tenant are kept, and bytes of them.
const KEPT: usize = 200;
const BYTES: usize = 64 << 10;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Line {
    /// Grows from line to line, and over a restart: microseconds since 1970, or one more than the line before.
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
    last: u64,
    bytes: usize,
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

    /// Keeps why it could not even be asked.
    pub(super) fn fail(&mut self, why: &str, at: OffsetDateTime) {
        self.keep(at, "fault", why.to_owned());
    }

    fn keep(&mut self, at: OffsetDateTime, level: &'static str, message: String) {
        let now = u64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or_default();
        self.last = now.max(self.last + 1);
        self.bytes += message.len();
        self.kept.push_back(Line { number: self.last, at, level, message });
        while self.kept.len() > KEPT || (self.bytes > BYTES && self.kept.len() > 1) {
            self.bytes -= self.kept.pop_front().map_or(0, |line| line.message.len());
        }
    }

    /// How many bytes are kept.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets what was said; numbers go on.
    pub(super) fn clear(&mut self) {
        (self.kept, self.bytes) = (VecDeque::new(), 0);
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

    fn said(lines: &mut Lines, message: &str) {
        lines.note(&[LogLine { level: LogLevel::Info, message: message.to_owned() }], None, NOW);
    }

    #[test]
    fn the_newest_lines_are_kept_and_their_numbers_go_on() {
        let mut lines = Lines::default();
        for number in 0..250 {
            said(&mut lines, &format!("line {number}"));
        }
        let before = lines.after(0);
        lines.note(&[], Some(&FaultKind::Timeout), NOW);
        assert_eq!(lines.after(0).len(), KEPT);
        let last = lines.after(before[KEPT - 1].number);
        assert_eq!((last.len(), last[0].number, last[0].level), (1, before[KEPT - 1].number + 1, "fault"));
    }

    #[test]
    fn a_few_long_lines_are_as_many_as_there_is_room_for() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            said(&mut lines, &"x".repeat(16 << 10));
        }
        assert_eq!((lines.after(0).len(), lines.bytes()), (4, 64 << 10));
        lines.clear();
        assert_eq!((lines.after(0).len(), lines.bytes()), (0, 0));
    }

    #[test]
    fn who_follows_hears_of_what_comes_after_a_restart() {
        let mut before = Lines::default();
        for _ in 0..1_000 {
            said(&mut before, "before");
        }
        let heard = before.after(0).last().unwrap().number;
        let mut after = Lines::default();
        let later = NOW + time::Duration::SECOND;
        after.note(&[], Some(&FaultKind::Timeout), later);
        assert_eq!(after.after(heard).len(), 1);
    }
}
