//! Where a template may have things looked up: what it asks and what it is answered have schemas.

use chancery_domain::template::Issue;
use serde_json::Value;

use crate::{schema::Schema, template::Lookup};

/// More lookups than that in one round are one too many questions.
const MAX_LOOKUPS: usize = 10;
/// The longest name of a lookup.
const MAX_ID: usize = 64;

/// A source that a template declares.
#[derive(Debug)]
pub struct Source {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) parameters: Schema,
    pub(crate) answer: Schema,
}

impl Source {
    /// The name that lookups use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One sentence on what it has to answer.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What is wrong with an answer; nothing if it is one.
    pub fn check_answer(&self, document: &Value) -> Result<(), Vec<Issue>> {
        let issues = self.answer.issues(document);
        if issues.is_empty() { Ok(()) } else { Err(issues) }
    }
}

/// The lookups, if each asks a declared source what that can be asked. The error completes "it broke the contract: ".
pub(crate) fn accept(
    sources: &[Source],
    lookups: impl Iterator<Item = (String, String, String)>,
    limit: usize,
) -> Result<Vec<Lookup>, String> {
    let mut accepted: Vec<Lookup> = Vec::new();
    let mut size = 0;
    for (id, source, parameters) in lookups {
        if accepted.len() == MAX_LOOKUPS {
            return Err(format!("it needs more than {MAX_LOOKUPS} lookups at once"));
        }
        if id.is_empty() || id.len() > MAX_ID {
            return Err(format!("the id of a lookup must have 1 to {MAX_ID} bytes"));
        }
        size += parameters.len();
        if size > limit {
            return Err("the parameters of its lookups are too large".into());
        }
        let Some(declared) = sources.iter().find(|declared| declared.name == source) else {
            return Err("a lookup names a source that its definition does not declare".into());
        };
        if accepted.iter().any(|other| other.id == id) {
            return Err("two lookups have the same id".into());
        }
        let parameters = serde_json::from_str(&parameters)
            .map_err(|error| format!("the parameters of a lookup are not JSON: {error}"))?;
        if let Some(issue) = declared.parameters.issues(&parameters).first() {
            let Issue { pointer, message, .. } = issue;
            return Err(format!("the parameters of a lookup break their schema: {pointer:?} {message}"));
        }
        accepted.push(Lookup { id, source, parameters });
    }
    if accepted.is_empty() { Err("it needs lookups but names none".into()) } else { Ok(accepted) }
}
