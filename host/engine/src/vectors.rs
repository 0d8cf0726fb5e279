//! The examples that a component carries: the custom section `chancery:vectors`, a JSON array.
//!
//! They are data of the plugin's author. A host reads them to see whether the component does what its
//! author says; nothing else depends on them.

pub(crate) mod license;
pub(crate) mod policy;
pub(crate) mod template;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use self::{license::LicenseVector, policy::PolicyVector, template::TemplateVector};
use crate::{hook::Hook, log::escaped};

/// The section's name.
pub(crate) const SECTION: &str = "chancery:vectors";

/// More examples than that show nothing more.
const MAX_VECTORS: usize = 64;
const MAX_BYTES: usize = 256 << 10;
const MAX_CLAIM: usize = 200;
/// Seconds since 1970: the year 9999.
const MAX_TIME: u64 = 253_402_300_799;

/// One example: what is asked, and the decision that is expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    /// What it shows.
    pub claim: String,
    /// All of it, as its author wrote it.
    pub document: Value,
    pub(crate) configuration: Value,
    pub(crate) case: Case,
}

/// What is asked, by hook.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Case {
    Template(TemplateVector),
    Policy(PolicyVector),
    License(LicenseVector),
}

/// What the examples of every hook have.
#[derive(Deserialize)]
struct Common {
    claim: String,
    #[serde(default = "empty")]
    configuration: Value,
    now: u64,
}

/// Reads the section; the error completes "its `chancery:vectors` section …".
pub(crate) fn read(section: &[u8], hook: Hook) -> Result<Vec<Vector>, String> {
    if section.len() > MAX_BYTES {
        return Err(format!("is longer than {} KiB", MAX_BYTES >> 10));
    }
    let documents: Vec<Value> =
        serde_json::from_slice(section).map_err(|error| format!("is no JSON array: {error}"))?;
    if documents.len() > MAX_VECTORS {
        return Err(format!("has {} examples, at most {MAX_VECTORS} are accepted", documents.len()));
    }
    let read = |(index, document)| {
        one(document, hook)
            .map_err(|reason| format!("has an example that is none, number {}: {reason}", index + 1))
    };
    documents.into_iter().enumerate().map(read).collect()
}

/// Reads one; the error says what is wrong with it.
pub(crate) fn one(document: Value, hook: Hook) -> Result<Vector, String> {
    let Common { claim, configuration, now } = parse(&document)?;
    if claim.is_empty() || claim.len() > MAX_CLAIM || claim.contains(char::is_control) {
        return Err(format!("its `claim` must be one line of at most {MAX_CLAIM} bytes"));
    }
    if now > MAX_TIME {
        return Err("its `now` lies beyond the year 9999".into());
    }
    let case = match hook {
        Hook::CredentialTemplate => Case::Template(parse(&document)?),
        Hook::OnboardingPolicy => Case::Policy(parse(&document)?),
        Hook::License => Case::License(parse::<LicenseVector>(&document)?.whole()?),
    };
    Ok(Vector { claim, document, configuration, case })
}

fn parse<T: DeserializeOwned>(document: &Value) -> Result<T, String> {
    T::deserialize(document).map_err(|error| escaped(&error.to_string(), 300))
}

fn empty() -> Value {
    json!({})
}

fn english() -> String {
    "en".into()
}

fn nobody_in_particular() -> String {
    "test".into()
}
