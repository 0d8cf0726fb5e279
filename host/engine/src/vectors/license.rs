//! Examples of what a licence plugin says of documents and operations.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    english,
    template::{at, places},
};
use crate::{
    entitlements::Entitlements,
    license::{Circumstances, Permission, Used},
    template::seconds,
};

/// An example for [`License::entitlements`](crate::License::entitlements), and where it names an operation
/// for [`License::check`](crate::License::check) on top.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LicenseVector {
    #[serde(rename = "claim")]
    _claim: String,
    #[serde(rename = "configuration", default)]
    _configuration: Value,
    now: u64,
    latest: Option<u64>,
    #[serde(default = "somewhere")]
    installation: String,
    #[serde(default = "english")]
    locale: String,
    pub(crate) document: Option<String>,
    /// Compared with what [`spelled`] makes of the answer.
    #[serde(rename = "entitlements")]
    pub(crate) expected: Option<Value>,
    pub(crate) operation: Option<String>,
    #[serde(default)]
    pub(crate) usage: Used,
    /// `"allow"` or `{"deny": [{pointer, code}]}`.
    pub(crate) permission: Option<Value>,
}

impl LicenseVector {
    /// Neither half of an operation makes a question.
    pub(crate) fn whole(self) -> Result<Self, String> {
        if self.operation.is_some() != self.permission.is_some() {
            return Err("`operation` and `permission` belong together".into());
        }
        if self.expected.is_none() && self.permission.is_none() {
            return Err("it expects neither `entitlements` nor a `permission`".into());
        }
        Ok(self)
    }

    /// The circumstances of the example.
    pub(crate) fn circumstances(&self) -> Circumstances {
        Circumstances {
            now: at(self.now),
            latest: at(self.latest.unwrap_or(self.now)),
            installation: self.installation.clone(),
            locale: self.locale.clone(),
        }
    }
}

/// Entitlements as examples spell them: what is not granted is left out, times are seconds since 1970.
pub(crate) fn spelled(entitlements: &Entitlements) -> Value {
    let Entitlements {
        state, id, licensee, not_before, expires, grace_until, limits, features, quotas, ..
    } = entitlements;
    let mut spelled = Map::from_iter([("state".to_owned(), json!(state))]);
    let mut limited = Map::new();
    let note = |map: &mut Map<String, Value>, name: &str, value: Value| {
        if !value.is_null() {
            map.insert(name.to_owned(), value);
        }
    };
    note(&mut limited, "max-root-tenants", json!(limits.max_root_tenants));
    note(&mut limited, "max-total-tenants", json!(limits.max_total_tenants));
    note(&mut limited, "max-hierarchy-depth", json!(limits.max_hierarchy_depth));
    note(&mut limited, "subtenants-allowed", json!(limits.subtenants_allowed));
    note(&mut spelled, "id", json!(id));
    note(&mut spelled, "licensee", json!(licensee));
    note(&mut spelled, "not-before", json!(not_before.map(seconds)));
    note(&mut spelled, "expires", json!(expires.map(seconds)));
    note(&mut spelled, "grace-until", json!(grace_until.map(seconds)));
    if !limited.is_empty() {
        spelled.insert("limits".into(), limited.into());
    }
    if !features.is_empty() {
        spelled.insert("features".into(), json!(features));
    }
    if !quotas.is_empty() {
        spelled.insert("quotas".into(), json!(quotas));
    }
    spelled.into()
}

/// A permission as examples spell it.
pub(crate) fn allowed(permission: &Permission) -> Value {
    match permission {
        Permission::Allow => json!("allow"),
        Permission::Deny(issues) => json!({"deny": places(issues)}),
    }
}

fn somewhere() -> String {
    "https://issuer.example".into()
}
