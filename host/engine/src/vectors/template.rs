//! Examples of what a credential template decides.

use chancery_domain::{Dataset, template::Issue};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{english, nobody_in_particular};
use crate::template::{Answer, Authentication, Outcome, PrepareRequest, Purpose};

/// An example for [`Template::prepare`](crate::Template::prepare).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateVector {
    #[serde(rename = "claim")]
    _claim: String,
    #[serde(rename = "configuration", default)]
    _configuration: Value,
    now: u64,
    #[serde(default = "issuing")]
    purpose: Purpose,
    subject: Value,
    #[serde(default)]
    answers: Vec<Answer>,
    #[serde(default = "nobody_in_particular")]
    tenant: String,
    #[serde(default = "english")]
    locale: String,
    authentication: Option<Claimed>,
    upstream_claims: Option<Value>,
    key_attestation: Option<String>,
    #[serde(default)]
    prior_issuances: u32,
    completed_at: Option<u64>,
    /// Compared with what [`spelled`] makes of the answer.
    pub(crate) outcome: Value,
}

/// How the holder was authenticated; its time in seconds since 1970, as a plugin sees it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claimed {
    level: Option<String>,
    #[serde(default)]
    methods: Vec<String>,
    time: Option<u64>,
}

impl TemplateVector {
    /// The request that the example makes.
    pub(crate) fn request<R>(&self, ask: impl FnOnce(&PrepareRequest<'_>) -> R) -> R {
        let authentication = self.authentication.as_ref().map(|claimed| Authentication {
            level: claimed.level.clone(),
            methods: claimed.methods.clone(),
            time: claimed.time.map(at),
        });
        ask(&PrepareRequest {
            purpose: self.purpose,
            tenant: &self.tenant,
            subject: &self.subject,
            answers: &self.answers,
            now: at(self.now),
            locale: &self.locale,
            authentication: authentication.as_ref(),
            upstream_claims: self.upstream_claims.as_ref(),
            key_attestation: self.key_attestation.as_deref(),
            prior_issuances: self.prior_issuances,
            completed_at: self.completed_at.map(at),
        })
    }
}

/// A decision as examples spell it: sentences are free to improve, places and codes are not.
pub(crate) fn spelled(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Issue(Dataset { values, good_until: None }) => json!({"issue": values}),
        Outcome::Issue(Dataset { values, good_until: Some(end) }) => {
            json!({"issue": values, "good_until": end.unix_timestamp()})
        }
        Outcome::Refuse(issues) => json!({"refuse": places(issues)}),
        Outcome::Defer(deferral) => json!({"defer": deferral.after.as_secs()}),
        Outcome::Need(lookups) => json!({"need": lookups}),
    }
}

/// Where issues are and what they are called.
pub(crate) fn places(issues: &[Issue]) -> Value {
    issues.iter().map(|issue| json!({"pointer": issue.pointer, "code": issue.code})).collect()
}

/// Reading refuses times beyond the year 9999, so there is always one.
pub(crate) fn at(seconds: u64) -> OffsetDateTime {
    let seconds = i64::try_from(seconds).unwrap_or_default();
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn issuing() -> Purpose {
    Purpose::Issue
}
