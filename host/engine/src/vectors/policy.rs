//! Examples of what an onboarding policy decides.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    english,
    template::{at, places},
};
use crate::policy::{Counts, DecideRequest, Decision, Registration};

/// An example for [`Policy::decide`](crate::Policy::decide).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyVector {
    #[serde(rename = "claim")]
    _claim: String,
    #[serde(rename = "configuration", default)]
    _configuration: Value,
    now: u64,
    registration: Registration,
    #[serde(default)]
    counts: Counts,
    #[serde(default = "english")]
    locale: String,
    /// Compared with what [`spelled`] makes of the answer.
    pub(crate) decision: Value,
}

impl PolicyVector {
    /// The request that the example makes.
    pub(crate) fn request(&self) -> DecideRequest {
        DecideRequest {
            registration: self.registration.clone(),
            counts: self.counts,
            now: at(self.now),
            locale: self.locale.clone(),
        }
    }
}

/// A decision as examples spell it.
pub(crate) fn spelled(decision: &Decision) -> Value {
    match decision {
        Decision::Approve => json!("approve"),
        Decision::RequireVerification(what) => json!({"require-verification": what}),
        Decision::RequireApproval(issues) => json!({"require-approval": places(issues)}),
        Decision::Reject(issues) => json!({"reject": places(issues)}),
    }
}
