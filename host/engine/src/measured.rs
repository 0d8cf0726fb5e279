//! What a call brought, and what it cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// What one call used, whether it brought an answer or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Instructions, roughly. The same call uses the same on every machine.
    pub fuel: u64,
    /// Bytes of linear memory, all memories of the instance together, at their largest.
    pub memory: u64,
    /// Processor time of the guest.
    #[serde(rename = "nanoseconds", with = "nanoseconds")]
    pub time: Duration,
}

/// One line that a plugin wrote, escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// What it says, on one line.
    pub message: String,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Of use to the plugin's author.
    Debug,
    /// Of use to the person who runs it.
    Info,
    /// Something to look into.
    Warn,
    /// Something is broken.
    Error,
}

/// What a call brought, and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured<T> {
    /// The answer, or why there is none.
    pub answer: Result<T, Fault>,
    /// What it used.
    pub usage: Usage,
    /// What the plugin said meanwhile.
    pub log: Vec<LogLine>,
}

impl<T> Measured<T> {
    /// A call that was not made.
    pub(crate) fn not_made(fault: Fault) -> Self {
        Self { answer: Err(fault), usage: Usage::default(), log: Vec::new() }
    }

    /// An answer for which nobody had to be asked.
    pub(crate) fn without_asking(answer: T) -> Self {
        Self { answer: Ok(answer), usage: Usage::default(), log: Vec::new() }
    }

    /// The same call, its answer looked at.
    pub(crate) fn and_then<U>(self, look: impl FnOnce(T) -> Result<U, Fault>) -> Measured<U> {
        let Self { answer, usage, log } = self;
        Measured { answer: answer.and_then(look), usage, log }
    }
}

mod nanoseconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_nanos)
    }
}
