//! What a template is told beside the subject. It is sealed with the subject, and as long as that is.

use chancery_engine::Authentication;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where it is among the subjects. No credential configuration has that id.
const MEMBER: &str = "@circumstances";

/// How the holder of an offer is known, and what they were given before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Circumstances {
    /// None where nobody was authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authentication: Option<Authentication>,
    /// `iss` and `sub` of the provider that says who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_claims: Option<Value>,
    /// How often the wallet was given this before.
    #[serde(default)]
    pub(crate) prior_issuances: u32,
}

impl Circumstances {
    /// Takes them from among the subjects of an offer. What cannot be read says nothing.
    pub(crate) fn take(subjects: &mut Map<String, Value>) -> Self {
        let found = subjects.swap_remove(MEMBER);
        found.and_then(|found| serde_json::from_value(found).ok()).unwrap_or_default()
    }

    /// Puts them there, if there is anything to say.
    pub(crate) fn put(&self, subjects: &mut Map<String, Value>) {
        if *self != Self::default()
            && let Ok(value) = serde_json::to_value(self)
        {
            subjects.insert(MEMBER.to_owned(), value);
        }
    }
}
