//! What a plugin says, bounded and escaped.

use crate::{
    bindings::log_import,
    call::CallState,
    limits::Limits,
    measured::{LogLevel, LogLine},
};

/// The rest of what one call may say.
pub(crate) struct LogBudget {
    lines: usize,
    bytes: usize,
    silenced: bool,
    said: Vec<LogLine>,
}

impl LogBudget {
    /// All of it.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { lines: limits.log_lines, bytes: limits.log_bytes, silenced: false, said: Vec::new() }
    }

    /// The last line of level `error`: what a panicking guest said before it trapped.
    pub(crate) fn last_error(&self) -> Option<&str> {
        let last = self.said.iter().rfind(|line| line.level == LogLevel::Error);
        last.map(|line| line.message.as_str())
    }

    /// All that was said.
    pub(crate) fn said(self) -> Vec<LogLine> {
        self.said
    }

    /// Passes one line on to the host's log, or says once that the rest is dropped.
    pub(crate) fn line(&mut self, plugin: &str, level: LogLevel, message: &str) {
        if self.lines == 0 || self.bytes == 0 {
            if !self.silenced {
                self.silenced = true;
                tracing::warn!(plugin, "a plugin says more than it may; the rest of this call is dropped");
            }
            return;
        }
        let message = escaped(message, self.bytes);
        self.lines -= 1;
        self.bytes = self.bytes.saturating_sub(message.len());
        pass_on(plugin, level, &message);
        self.said.push(LogLine { level, message });
    }
}

/// Passes a line on to the host's log.
fn pass_on(plugin: &str, level: LogLevel, message: &str) {
    match level {
        LogLevel::Error => tracing::error!(plugin, "{message}"),
        LogLevel::Warn => tracing::warn!(plugin, "{message}"),
        LogLevel::Info => tracing::info!(plugin, "{message}"),
        LogLevel::Debug => tracing::debug!(plugin, "{message}"),
    }
}

/// At most `limit` bytes of `message` on one line, without control characters: neither a new
/// record nor a terminal sequence can be smuggled into the log.
pub(crate) fn escaped(message: &str, limit: usize) -> String {
    let mut out = String::with_capacity(message.len().min(limit));
    for character in message.chars() {
        let spelled: String = if character.is_control() || is_invisible(character) {
            character.escape_default().collect()
        } else {
            character.into()
        };
        if out.len() + spelled.len() > limit {
            break;
        }
        out.push_str(&spelled);
    }
    out
}

/// Line separators and what reorders text (Unicode bidirectional controls).
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl log_import::Host for CallState {
    fn write(&mut self, level: log_import::Level, message: String) {
        let level = match level {
            log_import::Level::Debug => LogLevel::Debug,
            log_import::Level::Info => LogLevel::Info,
            log_import::Level::Warn => LogLevel::Warn,
            log_import::Level::Error => LogLevel::Error,
        };
        self.log_line(level, &message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_without_terminal_sequences() {
        assert_eq!(escaped("a\nb\r\u{1b}[31mc\u{202e}d", 100), "a\\nb\\r\\u{1b}[31mc\\u{202e}d");
    }

    #[test]
    fn a_line_is_cut_between_characters() {
        assert_eq!(escaped("äöü", 5), "äö");
        assert_eq!(escaped("a\nb", 2), "a");
    }
}
