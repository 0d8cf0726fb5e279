//! Examples with their expected answers, as files: `vectors/*.json` beside a plugin's sources.
//!
//! A plugin's own tests run them natively, a host runs them through the component, and readers
//! take them as documentation.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Answer, Context, CredentialTemplate, Lookup, Outcome, Purpose, Request, outcome::Issue};

/// One example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// What it shows.
    pub claim: String,
    /// The plugin's configuration.
    #[serde(default = "no_configuration")]
    pub configuration: Value,
    /// The time, in seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
    /// What the dataset is for.
    #[serde(default = "issuing")]
    pub purpose: Purpose,
    /// The subject data.
    pub subject: Map<String, Value>,
    /// Answers to lookups.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// What the template is to decide.
    pub outcome: Expected,
}

/// What a template is to decide.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// This dataset.
    Issue(Map<String, Value>),
    /// These lookups.
    Need(Vec<Lookup>),
    /// To come back after so many seconds.
    Defer(u32),
    /// Issues with these pointers and codes, in this order; sentences are free to improve.
    Refuse(Vec<Place>),
}

/// Where an issue is and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// JSON Pointer into the subject data.
    pub pointer: String,
    /// The stable word.
    pub code: String,
}

impl Vector {
    /// Reads an example; for tests.
    ///
    /// # Panics
    ///
    /// If the text is no example.
    #[expect(clippy::panic, reason = "a test reads its own files")]
    pub fn parse(text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(vector) => vector,
            Err(error) => panic!("not a vector: {error}"),
        }
    }

    /// Runs the example natively.
    ///
    /// # Panics
    ///
    /// If the template decides otherwise.
    #[expect(clippy::panic, reason = "this is how a test fails")]
    pub fn check<T: CredentialTemplate>(&self) {
        let request = Request { subject: self.subject.clone(), answers: self.answers.clone() };
        let context = Context { purpose: self.purpose, ..Context::at(self.now, self.configuration.clone()) };
        match T::prepare(request, context) {
            Ok(outcome) => assert_eq!(Expected::from(outcome), self.outcome, "{}", self.claim),
            Err(fault) => panic!("{}: {fault:?}", self.claim),
        }
    }
}

impl From<Outcome> for Expected {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Issue(dataset) => Self::Issue(dataset),
            Outcome::Need(lookups) => Self::Need(lookups),
            Outcome::Defer { after_seconds, .. } => Self::Defer(after_seconds),
            Outcome::Refuse(issues) => Self::Refuse(issues.into_iter().map(Place::from).collect()),
        }
    }
}

impl From<Issue> for Place {
    fn from(issue: Issue) -> Self {
        Self { pointer: issue.pointer, code: issue.code }
    }
}

fn no_configuration() -> Value {
    json!({})
}

fn issuing() -> Purpose {
    Purpose::Issue
}
