//! Examples with their expected answers, as files: `vectors/*.json` beside a plugin's sources.
//!
//! A plugin's own tests run them natively, a host runs them through the component that carries them,
//! and readers take them as documentation.

mod license;
mod policy;
mod template;

use std::{fs, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub use self::{
    license::{ExpectedPermission, LicenseVector},
    policy::{ExpectedDecision, PolicyVector},
    template::Vector,
};
use crate::{CredentialTemplate, license::License, outcome::Issue, policy::OnboardingPolicy};

/// Where an issue is and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// JSON Pointer.
    pub pointer: String,
    /// The stable word.
    pub code: String,
}

/// Runs the example of a credential template in this text; what `export!` tests.
///
/// # Panics
///
/// If the text is no example, or the template decides otherwise.
pub fn template<T: CredentialTemplate>(text: &str) {
    Vector::parse(text).check::<T>();
}

/// Runs the example of an onboarding policy in this text; what `export!` tests.
///
/// # Panics
///
/// If the text is no example, or the policy decides otherwise.
pub fn policy<T: OnboardingPolicy>(text: &str) {
    PolicyVector::parse(text).check::<T>();
}

/// Runs the example of a licence plugin in this text; what `export!` tests.
///
/// # Panics
///
/// If the text is no example, or the plugin decides otherwise.
pub fn license<T: License>(text: &str) {
    LicenseVector::parse(text).check::<T>();
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

#[expect(clippy::panic, reason = "a test reads its own files")]
fn parse<T: DeserializeOwned>(text: &str) -> T {
    match serde_json::from_str(text) {
        Ok(vector) => vector,
        Err(error) => panic!("not a vector: {error}"),
    }
}

fn places(issues: Vec<Issue>) -> Vec<Place> {
    issues.into_iter().map(Place::from).collect()
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
