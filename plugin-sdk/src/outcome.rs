//! Answering.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Day;

/// What one credential says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dataset {
    /// Field name → value.
    pub values: Map<String, Value>,
    /// When the credential ends at the latest, in seconds since 1970-01-01T00:00:00Z; none where the definition's
    /// validity says it all.
    pub good_until: Option<u64>,
}

impl Dataset {
    /// The credential ends with that day, in UTC, or sooner. What would be over before it begins is refused.
    ///
    /// ```
    /// # use chancery_plugin_sdk::prelude::*;
    /// # fn prepare(request: Request) -> Outcome {
    /// let expiry = request.day("expiry_date");
    /// Outcome::Issue(Dataset::from(request.subject).good_through(expiry))
    /// # }
    /// ```
    #[must_use]
    pub fn good_through(mut self, day: impl Into<Option<Day>>) -> Self {
        self.good_until = day.into().map(Day::end);
        self
    }
}

impl From<Map<String, Value>> for Dataset {
    fn from(values: Map<String, Value>) -> Self {
        Self { values, good_until: None }
    }
}

impl FromIterator<(String, Value)> for Dataset {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(values: I) -> Self {
        Map::from_iter(values).into()
    }
}

/// What a template decides.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Issue this dataset.
    Issue(Dataset),
    /// Look these up, then call again. At most three rounds.
    Need(Vec<Lookup>),
    /// Not now.
    Defer {
        /// In how many seconds the wallet should ask again.
        after_seconds: u32,
        /// What is waited for; never a claim's value.
        reason: String,
    },
    /// Not with this subject data.
    Refuse(Vec<Issue>),
}

/// A question to a source that the definition declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    /// Names the answer.
    pub id: String,
    /// The source's name.
    pub source: String,
    /// What to ask.
    pub parameters: Value,
}

impl Lookup {
    /// A question to a source; the answer comes under this id.
    pub fn new(id: &str, source: &str, parameters: Value) -> Self {
        Self { id: id.into(), source: source.into(), parameters }
    }
}

/// What is wrong with one part of the subject data, for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// JSON Pointer (RFC 6901) into the subject data.
    pub pointer: String,
    /// A stable word, such as `not-a-date`.
    pub code: String,
    /// A sentence on cause and fix.
    pub message: String,
}

impl Issue {
    /// What is wrong with the part that `pointer` leads to.
    pub fn new(pointer: &str, code: &str, message: &str) -> Self {
        Self { pointer: pointer.into(), code: code.into(), message: message.into() }
    }
}

/// Why a template could not answer. An answer that says no is [`Outcome::Refuse`], not a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A stable word, such as `invalid-configuration`.
    pub code: String,
    /// A sentence on cause and fix; never a claim's value.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

impl Fault {
    /// A fault that will not go away by itself.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), retryable: false }
    }

    /// The configuration is not usable.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new("invalid-configuration", message)
    }
}

impl From<serde_json::Error> for Fault {
    /// The place and kind of the error, without the text that caused it.
    fn from(error: serde_json::Error) -> Self {
        let kind = match error.classify() {
            serde_json::error::Category::Io => "unreadable",
            serde_json::error::Category::Syntax => "not JSON",
            serde_json::error::Category::Data => "not of the expected form",
            serde_json::error::Category::Eof => "cut off",
        };
        Self::new("invalid-document", format!("a document is {kind}"))
    }
}
