//! Examples with their expected answers, as files: `vectors/*.json` beside a plugin's sources.
//!
//! A plugin's own tests run them natively, a host runs them through the component, and readers
//! take them as documentation.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    Answer, Authentication, Context, CredentialTemplate, Lookup, Outcome, Purpose, Request, outcome::Issue,
};

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
    /// The tenant's slug.
    #[serde(default = "nobody_in_particular")]
    pub tenant: String,
    /// BCP 47 tag that messages should be in.
    #[serde(default = "english")]
    pub locale: String,
    /// How the holder was authenticated.
    pub authentication: Option<Authentication>,
    /// Claims of an upstream identity provider.
    pub upstream_claims: Option<Value>,
    /// How well the holder's key is kept.
    pub key_attestation: Option<String>,
    /// What is attested of the wallet.
    pub wallet_attestation: Option<String>,
    /// How many credentials of this offer or grant were issued before.
    #[serde(default)]
    pub prior_issuances: u32,
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
    /// A fault of this code.
    Fault(String),
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
    pub fn check<T: CredentialTemplate>(&self) {
        let request = Request { subject: self.subject.clone(), answers: self.answers.clone() };
        let context = Context {
            tenant: self.tenant.clone(),
            locale: self.locale.clone(),
            purpose: self.purpose,
            authentication: self.authentication.clone(),
            upstream_claims: self.upstream_claims.clone(),
            key_attestation: self.key_attestation.clone(),
            wallet_attestation: self.wallet_attestation.clone(),
            prior_issuances: self.prior_issuances,
            ..Context::at(self.now, self.configuration.clone())
        };
        let found = match T::prepare(request, context) {
            Ok(outcome) => Expected::from(outcome),
            Err(fault) => Expected::Fault(fault.code),
        };
        assert_eq!(found, self.outcome, "{}", self.claim);
    }
}

/// Runs the example of a credential template in this text; what `export!` tests.
///
/// # Panics
///
/// If the text is no example, or the template decides otherwise.
pub fn template<T: CredentialTemplate>(text: &str) {
    Vector::parse(text).check::<T>();
}

/// Runs every named example of a folder; what `export!` tests.
///
/// # Panics
///
/// If the folder holds other examples than those, or one of them does not hold.
#[expect(clippy::panic, reason = "this is how a test fails")]
pub fn check_all(folder: &str, names: &[&str], check: impl Fn(&str)) {
    let Ok(entries) = fs::read_dir(folder) else { panic!("{folder} cannot be read") };
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let named = file.strip_suffix(".json").is_some_and(|name| names.contains(&name));
        assert!(named, "vectors/{file} is not among the vectors of `export!`");
    }
    for name in names {
        match fs::read_to_string(Path::new(folder).join(format!("{name}.json"))) {
            Ok(text) => check(&text),
            Err(error) => panic!("vectors/{name}.json cannot be read: {error}"),
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

fn nobody_in_particular() -> String {
    "test".into()
}

fn english() -> String {
    "en".into()
}

fn issuing() -> Purpose {
    Purpose::Issue
}
