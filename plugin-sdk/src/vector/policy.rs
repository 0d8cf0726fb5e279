//! Examples of what an onboarding policy decides.

use serde::Deserialize;
use serde_json::Value;

use super::{Place, english, no_configuration, parse, places};
use crate::policy::{Context, Counts, Decision, OnboardingPolicy, Registration};

/// One example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyVector {
    /// What it shows.
    pub claim: String,
    /// The policy's configuration.
    #[serde(default = "no_configuration")]
    pub configuration: Value,
    /// The time, in seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
    /// Who wants to become a tenant.
    pub registration: Registration,
    /// How many tenants there are already.
    #[serde(default)]
    pub counts: Counts,
    /// BCP 47 tag that messages should be in.
    #[serde(default = "english")]
    pub locale: String,
    /// What the policy is to decide.
    pub decision: ExpectedDecision,
}

/// What a policy is to decide. Sentences are free to improve, places and codes are not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedDecision {
    /// Let it in.
    Approve,
    /// Let it in once these were shown.
    RequireVerification(Vec<String>),
    /// Let it in once a person has looked at it.
    RequireApproval(Vec<Place>),
    /// Do not let it in.
    Reject(Vec<Place>),
    /// A fault of this code.
    Fault(String),
}

impl PolicyVector {
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
    /// If the policy decides otherwise.
    pub fn check<T: OnboardingPolicy>(&self) {
        let context = Context {
            configuration: self.configuration.clone(),
            now: self.now,
            locale: self.locale.clone(),
            counts: self.counts,
        };
        let found = match T::decide(self.registration.clone(), context) {
            Ok(decision) => ExpectedDecision::from(decision),
            Err(fault) => ExpectedDecision::Fault(fault.code),
        };
        assert_eq!(found, self.decision, "{}", self.claim);
    }
}

impl From<Decision> for ExpectedDecision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Approve => Self::Approve,
            Decision::RequireVerification(what) => Self::RequireVerification(what),
            Decision::RequireApproval(reasons) => Self::RequireApproval(places(reasons)),
            Decision::Reject(reasons) => Self::Reject(places(reasons)),
        }
    }
}
