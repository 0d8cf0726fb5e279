//! Examples of what a credential template decides.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{english, no_configuration, nobody_in_particular, parse, places};
use crate::{Answer, Authentication, Context, CredentialTemplate, Dataset, Outcome, Purpose, Request};

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
    /// Whose word it is that the holder is who they are: `iss` and `sub`.
    pub upstream_claims: Option<Value>,
    /// How well the holder's key is kept.
    pub key_attestation: Option<String>,
    /// How often the wallet was given this credential before.
    #[serde(default)]
    pub prior_issuances: u32,
    /// When somebody completed what was deferred.
    pub completed_at: Option<u64>,
    /// What the template is to decide, as [`plugins/README.md`](https://github.com/chancery-issuer/chancery/blob/main/plugins/README.md#vectors) spells it.
    pub outcome: Value,
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
            prior_issuances: self.prior_issuances,
            ..Context::at(self.now, self.configuration.clone())
        };
        let found = match T::prepare(request, context) {
            Ok(outcome) => spelled(outcome),
            Err(fault) => json!({ "fault": fault.code }),
        };
        assert_eq!(found, self.outcome, "{}", self.claim);
    }
}

/// Sentences are free to improve, places and codes are not.
fn spelled(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Issue(Dataset { values, good_until: None }) => json!({ "issue": values }),
        Outcome::Issue(Dataset { values, good_until }) => {
            json!({ "issue": values, "good_until": good_until })
        }
        Outcome::Need(lookups) => json!({ "need": lookups }),
        Outcome::Defer { after_seconds, .. } => json!({ "defer": after_seconds }),
        Outcome::Refuse(issues) => json!({ "refuse": places(issues) }),
    }
}

fn issuing() -> Purpose {
    Purpose::Issue
}
