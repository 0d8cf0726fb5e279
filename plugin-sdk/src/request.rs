//! Being asked.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Day, Fault};

/// What a credential is to be made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The subject data of the offer; it matches the definition's schema of it.
    pub subject: Map<String, Value>,
    /// Answers to the lookups of all rounds so far.
    pub answers: Vec<Answer>,
    /// When somebody completed what was deferred, in seconds since 1970-01-01T00:00:00Z; none if nobody did.
    pub completed_at: Option<u64>,
}

impl Request {
    /// A request with this subject data; for tests.
    pub fn of(subject: Value) -> Self {
        let subject = match subject {
            Value::Object(subject) => subject,
            _ => Map::new(),
        };
        Self { subject, answers: Vec::new(), completed_at: None }
    }

    /// A member of the subject data that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.subject.get(name).and_then(Value::as_str)
    }

    /// A member of the subject data that is a day.
    pub fn day(&self, name: &str) -> Option<Day> {
        self.text(name).and_then(Day::parse)
    }

    /// The answer to the lookup of that id, read as what it is; none if it was not asked for yet.
    ///
    /// ```
    /// # use chancery_plugin_sdk::prelude::*;
    /// # #[derive(serde::Deserialize)]
    /// # struct Person { name: String }
    /// # fn prepare(request: Request) -> Result<Outcome, Fault> {
    /// let Some(found) = request.answer::<Person>("person")? else {
    ///     let parameters = json!({"id": request.text("employee_id")});
    ///     return Ok(Outcome::Need(vec![Lookup::new("person", "staff", parameters)]));
    /// };
    /// match found {
    ///     Some(person) => Ok(Outcome::Issue(Dataset::from_iter([("name".into(), json!(person.name))]))),
    ///     None => Ok(Outcome::Refuse(vec![Issue::new("/employee_id", "unknown", "nobody has this id")])),
    /// }
    /// # }
    /// ```
    pub fn answer<T: DeserializeOwned>(&self, id: &str) -> Result<Option<Option<T>>, Fault> {
        let answer = self.answers.iter().find(|answer| answer.id == id);
        answer.map(|answer| Ok(answer.document.as_ref().map(T::deserialize).transpose()?)).transpose()
    }
}

/// What a source said.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Answer {
    /// The lookup's id.
    pub id: String,
    /// The answer; none where the source knows nothing about it.
    pub document: Option<Value>,
}

/// The circumstances.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The tenant's slug.
    pub tenant: String,
    /// The tenant's configuration of this plugin.
    pub configuration: Value,
    /// The time, in seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
    /// BCP 47 tag that messages should be in.
    pub locale: String,
    /// What the dataset is for.
    pub purpose: Purpose,
    /// How the holder was authenticated; none where nobody was.
    pub authentication: Option<Authentication>,
    /// Whose word it is that the holder is who they are: `iss` and `sub`.
    pub upstream_claims: Option<Value>,
    /// How well the holder's key is kept (`key_storage`, OpenID4VCI 1.0 Appendix D.2).
    pub key_attestation: Option<String>,
    /// How often the wallet was given this credential before, at the least.
    pub prior_issuances: u32,
}

impl Context {
    /// A first issuance to nobody in particular at `now`, with this configuration; for tests.
    pub fn at(now: u64, configuration: Value) -> Self {
        Self {
            tenant: "test".into(),
            configuration,
            now,
            locale: "en".into(),
            purpose: Purpose::Issue,
            authentication: None,
            upstream_claims: None,
            key_attestation: None,
            prior_issuances: 0,
        }
    }
}

/// What a dataset is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    /// Authentication context class (`acr`).
    pub level: Option<String>,
    /// Authentication methods (`amr`, RFC 8176).
    #[serde(default)]
    pub methods: Vec<String>,
    /// When, in seconds since 1970-01-01T00:00:00Z.
    pub time: Option<u64>,
}
