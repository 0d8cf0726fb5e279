//! Examples of what a credential template decides.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Place, english, no_configuration, nobody_in_particular, parse, places};
use crate::{Answer, Authentication, Context, CredentialTemplate, Lookup, Outcome, Purpose, Request};

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
    /// When somebody completed what was deferred.
    pub completed_at: Option<u64>,
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

impl Vector {
    /// Reads an example; for tests.
    ///
    /// # Panics
    ///
    /// If the text is no example.
    pub fn parse(text: &str) -> Self {
        parse(text)
    }

    /// Runs the example natively.
    ///
    /// # Panics
    ///
    /// If the template decides otherwise.
    pub fn check<T: CredentialTemplate>(&self) {
        let request = Request {
            subject: self.subject.clone(),
            answers: self.answers.clone(),
            completed_at: self.completed_at,
        };
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

impl From<Outcome> for Expected {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Issue(dataset) => Self::Issue(dataset),
            Outcome::Need(lookups) => Self::Need(lookups),
            Outcome::Defer { after_seconds, .. } => Self::Defer(after_seconds),
            Outcome::Refuse(issues) => Self::Refuse(places(issues)),
        }
    }
}

fn issuing() -> Purpose {
    Purpose::Issue
}
