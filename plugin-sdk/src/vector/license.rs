//! Examples of what a licence plugin says of documents and operations.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Place, english, no_configuration, parse, places};
use crate::license::{Context, Entitlements, License, Permission, State, Usage};

/// One example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenseVector {
    /// What it shows.
    pub claim: String,
    /// The plugin's configuration.
    #[serde(default = "no_configuration")]
    pub configuration: Value,
    /// The time, in seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
    /// The latest time that the host remembers; `now` where it is left out.
    pub latest: Option<u64>,
    /// What names the installation.
    #[serde(default = "somewhere")]
    pub installation: String,
    /// BCP 47 tag that messages should be in.
    #[serde(default = "english")]
    pub locale: String,
    /// The licence document.
    pub document: Option<String>,
    /// What it grants: members as in the contract, times in seconds, what is not granted left out. Or
    /// `{"fault": code}`.
    pub entitlements: Option<Value>,
    /// An operation on top.
    pub operation: Option<String>,
    /// What is used already.
    #[serde(default)]
    pub usage: Usage,
    /// Whether the operation is allowed.
    pub permission: Option<ExpectedPermission>,
}

/// Whether an operation is to be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedPermission {
    /// It is.
    Allow,
    /// It is not; sentences are free to improve, places and codes are not.
    Deny(Vec<Place>),
}

impl LicenseVector {
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
    /// If the plugin decides otherwise.
    #[expect(clippy::panic, reason = "this is how a test fails")]
    pub fn check<T: License>(&self) {
        let context = Context {
            configuration: self.configuration.clone(),
            now: self.now,
            latest: self.latest.unwrap_or(self.now),
            installation: self.installation.clone(),
            locale: self.locale.clone(),
        };
        let granted = T::read(self.document.as_deref(), context.clone());
        if let Some(expected) = &self.entitlements {
            let found = match &granted {
                Ok(granted) => spelled(granted),
                Err(fault) => json!({"fault": fault.code}),
            };
            assert_eq!(&found, expected, "{}", self.claim);
        }
        let (Some(operation), Some(expected)) = (&self.operation, &self.permission) else { return };
        let Ok(granted) = granted else { panic!("{}: nothing is granted", self.claim) };
        match T::check(operation, &self.usage, &granted, context) {
            Ok(permission) => assert_eq!(&ExpectedPermission::from(permission), expected, "{}", self.claim),
            Err(fault) => panic!("{}: {fault:?}", self.claim),
        }
    }
}

/// Entitlements as examples spell them.
fn spelled(entitlements: &Entitlements) -> Value {
    let Entitlements {
        state, id, licensee, not_before, expires, grace_until, limits, features, quotas, ..
    } = entitlements;
    let state = match state {
        State::Missing => "missing",
        State::Active => "active",
        State::Grace => "grace",
        State::Expired => "expired",
        State::Invalid => "invalid",
    };
    let given = |members: Value| -> Map<String, Value> {
        let Value::Object(members) = members else { return Map::new() };
        members.into_iter().filter(|(_, value)| !value.is_null()).collect()
    };
    let mut spelled = given(json!({
        "state": state, "id": id, "licensee": licensee, "not-before": not_before, "expires": expires,
        "grace-until": grace_until
    }));
    let limited = given(json!({
        "max-root-tenants": limits.max_root_tenants,
        "max-total-tenants": limits.max_total_tenants,
        "max-hierarchy-depth": limits.max_hierarchy_depth,
        "subtenants-allowed": limits.subtenants_allowed
    }));
    if !limited.is_empty() {
        spelled.insert("limits".into(), limited.into());
    }
    if !features.is_empty() {
        let mut features = features.clone();
        features.sort_unstable();
        spelled.insert("features".into(), json!(features));
    }
    if !quotas.is_empty() {
        spelled.insert("quotas".into(), json!(quotas));
    }
    spelled.into()
}

impl From<Permission> for ExpectedPermission {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::Allow => Self::Allow,
            Permission::Deny(reasons) => Self::Deny(places(reasons)),
        }
    }
}

fn somewhere() -> String {
    "https://issuer.example".into()
}
