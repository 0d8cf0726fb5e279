//! A component under one configuration: what it issues, and one dataset of it.

use std::{fmt, sync::Arc, time::Duration};

use chancery_domain::{
    Dataset,
    template::{Definition, Issue, Revision},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{
    bindings::template as wit,
    component::Component,
    configured::{Configured, Describing},
    dataset,
    definition::{self, Checked},
    fault::{ConfigureError, Fault, FaultKind},
    hook::Hook,
    log::escaped,
    measured::{Measured, Usage},
    question::{Input, Question, Reply},
    source::{self, Source},
};

/// What a dataset is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// An offer is being made; nothing will be signed.
    Offer,
    /// A wallet waits for the credential.
    Issue,
    /// A wallet renews a credential that it has.
    Renew,
}

/// How the holder was authenticated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// Authentication context class (`acr`).
    pub level: Option<String>,
    /// Authentication methods (`amr`, RFC 8176).
    pub methods: Vec<String>,
    /// When.
    pub time: Option<OffsetDateTime>,
}

/// What a source said to a [`Lookup`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The lookup's id.
    pub id: String,
    /// The answer; none where the source knows nothing about it.
    pub document: Option<Value>,
}

/// Everything that a decision on one credential depends on, beside the configuration.
#[derive(Debug, Clone)]
pub struct PrepareRequest<'a> {
    /// What the dataset is for.
    pub purpose: Purpose,
    /// The tenant's slug.
    pub tenant: &'a str,
    /// The subject data of the offer.
    pub subject: &'a Value,
    /// Answers to the lookups of all rounds so far.
    pub answers: &'a [Answer],
    /// The time.
    pub now: OffsetDateTime,
    /// BCP 47 tag that messages should be in.
    pub locale: &'a str,
    /// How the holder was authenticated; a pre-authorized code by itself authenticates nobody.
    pub authentication: Option<&'a Authentication>,
    /// Whose word it is that the holder is who they are: `iss` and `sub` of a provider.
    pub upstream_claims: Option<&'a Value>,
    /// How well the holder's key is kept (`key_storage`, OpenID4VCI 1.0 Appendix D.2).
    pub key_attestation: Option<&'a str>,
    /// How often the wallet was given this credential before, at the least.
    pub prior_issuances: u32,
    /// When somebody completed what was deferred.
    pub completed_at: Option<OffsetDateTime>,
}

impl<'a> PrepareRequest<'a> {
    /// A request without answers, authentication and attestations.
    pub fn new(purpose: Purpose, tenant: &'a str, subject: &'a Value, now: OffsetDateTime) -> Self {
        Self {
            purpose,
            tenant,
            subject,
            answers: &[],
            now,
            locale: "en",
            authentication: None,
            upstream_claims: None,
            key_attestation: None,
            prior_issuances: 0,
            completed_at: None,
        }
    }
}

/// What a template decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Issue this; it matches the definition.
    Issue(Dataset),
    /// Look these up, then ask again.
    Need(Vec<Lookup>),
    /// Not now.
    Defer(Deferral),
    /// Not with this subject data.
    Refuse(Vec<Issue>),
}

impl Outcome {
    /// It as a document, as examples spell it: what two answers have in common that are the same.
    pub fn spelled(&self) -> Value {
        crate::vectors::template::spelled(self)
    }
}
/// The name under which a request says that something was completed.
const COMPLETED: &str = "completed";

/// A question to a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    /// Names the answer.
    pub id: String,
    /// Which source, of those that the definition declares.
    pub source: String,
    /// What to ask.
    pub parameters: Value,
}

/// Not now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    /// When the wallet should ask again.
    pub after: Duration,
    /// What is waited for.
    pub reason: String,
}

/// A component under one configuration. Cloning it is cheap.
#[derive(Clone)]
pub struct Template {
    inner: Arc<Configured<Checked>>,
}

const DESCRIBING: Describing<wit::Definition, Checked> = Describing {
    hook: Hook::CredentialTemplate,
    question: |configuration| Question::DescribeTemplate { configuration },
    answer: Reply::definition,
    accept: definition::accept,
    schema: |checked| &checked.configuration,
};

impl Template {
    /// Runs `describe` and checks its answer.
    pub(crate) async fn describe(
        component: &Component,
        configuration: &Value,
    ) -> Result<Self, ConfigureError> {
        Ok(Self { inner: Arc::new(DESCRIBING.configure(component, configuration).await?) })
    }

    /// What it issues.
    pub fn definition(&self) -> &Definition {
        &self.inner.checked.definition
    }

    /// Where it may have things looked up.
    pub fn sources(&self) -> &[Source] {
        &self.inner.checked.sources
    }

    /// The source of that name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources().iter().find(|source| source.name() == name)
    }

    /// The JSON Schema of the configuration.
    pub fn configuration_schema(&self) -> &Value {
        &self.inner.checked.configuration_schema
    }

    /// Which component, under which configuration. Member order does not count.
    pub fn revision(&self) -> Revision {
        self.inner.revision
    }

    /// The component.
    pub fn component(&self) -> &Component {
        &self.inner.component
    }

    /// Checks subject data against the template's schema of it.
    pub fn check_subject(&self, subject: &Value) -> Result<(), Vec<Issue>> {
        let issues = self.inner.checked.subject.issues(subject);
        if issues.is_empty() { Ok(()) } else { Err(issues) }
    }

    /// What describing itself under this configuration cost.
    pub fn description_usage(&self) -> Usage {
        self.inner.description
    }

    /// Asks for the dataset of one credential. Subject data that [`Template::check_subject`] finds
    /// issues with is refused without asking the plugin, which may rely on its schema.
    pub async fn prepare(&self, request: &PrepareRequest<'_>) -> Result<Outcome, Fault> {
        self.measure(request).await.answer
    }

    /// The same, with what it cost.
    pub async fn measure(&self, request: &PrepareRequest<'_>) -> Measured<Outcome> {
        self.measure_with_input(request).await.0
    }

    /// The same, with what the plugin was asked; nothing, if it was not.
    pub async fn measure_with_input(
        &self,
        request: &PrepareRequest<'_>,
    ) -> (Measured<Outcome>, Option<Input>) {
        if let Err(issues) = self.check_subject(request.subject) {
            return (Measured::without_asking(Outcome::Refuse(issues)), None);
        }
        match self.input(request) {
            Ok(input) => (self.ask(&input.0).await, Some(input)),
            Err(fault) => (Measured::not_made(fault), None),
        }
    }

    /// The arguments of a decision, the configuration included, to be kept and run again.
    pub fn input(&self, request: &PrepareRequest<'_>) -> Result<Input, Fault> {
        let (request, context) =
            self.arguments(request).map_err(|kind| self.inner.component.inner.caller.fault(kind))?;
        Ok(Input(Question::Prepare { request: Box::new(request), context: Box::new(context) }))
    }

    /// Makes a decision, perhaps once more: the same input brings the same answer for the same fuel.
    pub async fn run(&self, input: &Input) -> Measured<Outcome> {
        let caller = &self.inner.component.inner.caller;
        let Question::Prepare { request, .. } = &input.0 else {
            let kind = FaultKind::Host("the input is not one of a credential template".into());
            return Measured::not_made(caller.fault(kind));
        };
        let subject = serde_json::from_str(&request.subject).unwrap_or_default();
        match self.check_subject(&subject) {
            Ok(()) => self.ask(&input.0).await,
            Err(issues) => Measured::without_asking(Outcome::Refuse(issues)),
        }
    }

    async fn ask(&self, question: &Question) -> Measured<Outcome> {
        let caller = &self.inner.component.inner.caller;
        let now = match question {
            Question::Prepare { context, .. } => context.now,
            _ => 0,
        };
        let outcome = caller.ask_for(question, Reply::outcome).await;
        outcome.and_then(|outcome| self.accept(outcome, now).map_err(|kind| caller.fault(kind)))
    }

    fn arguments(&self, request: &PrepareRequest<'_>) -> Result<(wit::Request, wit::Context), FaultKind> {
        let limit = self.inner.component.inner.caller.limits.input;
        let asked = wit::Request {
            subject: request.subject.to_string(),
            answers: request
                .answers
                .iter()
                .map(|answer| wit::Answer {
                    id: answer.id.clone(),
                    document: answer.document.as_ref().map(Value::to_string),
                })
                .collect(),
            ext: request
                .completed_at
                .map(|at| (COMPLETED.to_owned(), json!({ "at": seconds(at) }).to_string()))
                .into_iter()
                .collect(),
        };
        let context = wit::Context {
            tenant: request.tenant.to_owned(),
            configuration: self.inner.configuration.clone(),
            now: seconds(request.now),
            locale: request.locale.to_owned(),
            purpose: match request.purpose {
                Purpose::Offer => wit::Purpose::Offer,
                Purpose::Issue => wit::Purpose::Issue,
                Purpose::Renew => wit::Purpose::Renew,
            },
            authentication: request.authentication.map(|authentication| wit::Authentication {
                level: authentication.level.clone(),
                methods: authentication.methods.clone(),
                time: authentication.time.map(seconds),
            }),
            upstream_claims: request.upstream_claims.map(Value::to_string),
            key_attestation: request.key_attestation.map(str::to_owned),
            prior_issuances: request.prior_issuances,
            ext: Vec::new(),
        };
        let answers = asked.answers.iter().filter_map(|answer| answer.document.as_ref()).map(String::len);
        let upstream = context.upstream_claims.as_ref().map_or(0, String::len);
        if asked.subject.len() + answers.sum::<usize>() + upstream > limit {
            return Err(FaultKind::InputTooLarge { limit });
        }
        Ok((asked, context))
    }

    fn accept(&self, outcome: wit::Outcome, now: u64) -> Result<Outcome, FaultKind> {
        let limit = self.inner.component.inner.caller.limits.output;
        match outcome {
            wit::Outcome::Issue(dataset) if dataset.values.len() > limit => {
                Err(FaultKind::OutputTooLarge { limit })
            }
            wit::Outcome::Issue(dataset) if dataset.good_until.is_some_and(|end| is_over(end, now)) => {
                Ok(Outcome::Refuse(vec![Issue {
                    pointer: String::new(),
                    code: "over".into(),
                    message: "the credential would be over before it begins".into(),
                }]))
            }
            wit::Outcome::Issue(dataset) => {
                dataset::accept(self.definition(), &dataset).map(Outcome::Issue).map_err(FaultKind::Contract)
            }
            wit::Outcome::Need(lookups) => self.accept_lookups(lookups).map_err(FaultKind::Contract),
            wit::Outcome::Defer(deferral) => {
                let after = Duration::from_secs(deferral.after_seconds.max(1).into());
                Ok(Outcome::Defer(Deferral { after, reason: escaped(&deferral.reason, 300) }))
            }
            wit::Outcome::Refuse(issues) => Ok(Outcome::Refuse(
                issues
                    .into_iter()
                    .map(|issue| Issue { pointer: issue.pointer, code: issue.code, message: issue.message })
                    .collect(),
            )),
        }
    }

    fn accept_lookups(&self, lookups: Vec<wit::Lookup>) -> Result<Outcome, String> {
        let limit = self.inner.component.inner.caller.limits.output;
        let lookups = lookups.into_iter().map(|lookup| (lookup.id, lookup.source, lookup.parameters));
        source::accept(self.sources(), lookups, limit).map(Outcome::Need)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("component", self.component())
            .field("configuration_id", &self.definition().configuration_id)
            .finish_non_exhaustive()
    }
}

/// Whether a credential that ends then has no time left. It is issued, and ends, on the hour.
fn is_over(end: u64, now: u64) -> bool {
    end / 3600 <= now / 3600
}

/// Seconds since 1970, as plugins count.
pub(crate) fn seconds(time: OffsetDateTime) -> u64 {
    u64::try_from(time.unix_timestamp()).unwrap_or(0)
}
