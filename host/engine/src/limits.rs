//! What one call may use.

use std::time::Duration;

use crate::hook::Class;

/// The budget of one call of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Bytes of linear memory, all memories of the instance together.
    pub memory: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Instructions, roughly; the deterministic budget.
    pub fuel: u64,
    /// Processor time of the guest; for what fuel does not measure well. It is looked at every
    /// few milliseconds.
    pub running: Duration,
    /// For how long the whole call may take, from its start to its answer.
    pub whole: Duration,
    /// For how long a call may wait for its turn.
    pub queue: Duration,
    /// Bytes of JSON that go in.
    pub input: usize,
    /// Bytes of JSON that come out.
    pub output: usize,
    /// Log lines.
    pub log_lines: usize,
    /// Bytes of all log lines together.
    pub log_bytes: usize,
}

impl Limits {
    /// What a call of a plugin of that class may use: an interpreter needs more for the same work.
    #[must_use]
    pub fn of(self, class: Class) -> Self {
        match class {
            Class::Compiled => self,
            Class::Interpreted => Self {
                memory: self.memory.saturating_mul(4),
                table_elements: self.table_elements.saturating_mul(5),
                fuel: self.fuel.saturating_mul(5),
                running: self.running.saturating_mul(4),
                ..self
            },
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 16 << 20,
            table_elements: 10_000,
            fuel: 20_000_000,
            running: Duration::from_millis(50),
            whole: Duration::from_secs(2),
            queue: Duration::from_secs(2),
            input: 256 << 10,
            output: 256 << 10,
            log_lines: 100,
            log_bytes: 16 << 10,
        }
    }
}
