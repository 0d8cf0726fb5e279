//! Saying what a licence allows.
//!
//! The plugin reads the document and says what it grants; the host counts, and enforces what was
//! granted. [`License::check`] can narrow it further, and by default does not.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{Description, Fault, Issue};

/// A licence plugin.
///
/// All functions are pure: there is no clock, no randomness, no file and no network, and nothing is
/// kept from one call to the next.
pub trait License {
    /// Describes the plugin under a configuration, the empty object included.
    fn describe(configuration: Value) -> Result<Description, Fault>;

    /// Reads a licence document; none where there is none. What is wrong with a document is a state, not
    /// a fault.
    fn read(document: Option<&str>, context: Context) -> Result<Entitlements, Fault>;

    /// Decides on one operation: `register-root-tenant`, `register-subtenant`, `issue-credential`, or the
    /// name of a feature that is to be used.
    fn check(
        operation: &str,
        usage: &Usage,
        entitlements: &Entitlements,
        _: Context,
    ) -> Result<Permission, Fault> {
        Ok(entitlements.permit(operation, usage))
    }
}

/// The circumstances.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The configuration of this plugin.
    pub configuration: Value,
    /// The time, in seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
    /// The latest time that the host remembers; later than `now` where the clock was turned back.
    pub latest: u64,
    /// What names the installation: its public base URL.
    pub installation: String,
    /// BCP 47 tag that messages should be in.
    pub locale: String,
}

/// What a licence grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlements {
    /// Whether it grants anything.
    pub state: State,
    /// A sentence on the state: cause and fix.
    pub reason: Option<String>,
    /// The licence's own identifier.
    pub id: Option<String>,
    /// Who holds it.
    pub licensee: Option<String>,
    /// From when it holds, in seconds since 1970-01-01T00:00:00Z.
    pub not_before: Option<u64>,
    /// Until when it holds.
    pub expires: Option<u64>,
    /// Until when what it granted goes on after that.
    pub grace_until: Option<u64>,
    /// How much it allows.
    pub limits: Limits,
    /// What it allows at all: `subtenants`, `self-signup`, `custom-domains`, `federation`.
    pub features: Vec<String>,
    /// More limits, by name, such as `credentials-per-month`.
    pub quotas: BTreeMap<String, u64>,
}

/// Whether a licence grants anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// There is no document.
    Missing,
    /// It holds.
    Active,
    /// It has expired, a short time ago.
    Grace,
    /// It has expired.
    Expired,
    /// It cannot be read or trusted, or is not for here and now.
    Invalid,
}

/// How much a licence allows; none is as much as one likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Tenants at the root.
    pub max_root_tenants: Option<u32>,
    /// Tenants in all.
    pub max_total_tenants: Option<u32>,
    /// Levels of tenants: 1 means that no tenant has a subtenant.
    pub max_hierarchy_depth: Option<u32>,
    /// Whether tenants may have subtenants.
    pub subtenants_allowed: Option<bool>,
}

/// What is used already, before the operation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Usage {
    /// Tenants at the root.
    pub root_tenants: u32,
    /// Tenants in all.
    pub total_tenants: u32,
    /// How deep the operation's tenant lies or would lie: 1 at the root.
    pub hierarchy_depth: u32,
    /// What else is counted, by the name of its quota.
    pub counters: BTreeMap<String, u64>,
}

/// Whether an operation is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// It is.
    Allow,
    /// It is not, for these reasons; their pointers lead into the entitlements.
    Deny(Vec<Issue>),
}

impl Entitlements {
    /// Nothing is granted, for this reason.
    pub fn nothing(state: State, reason: &str) -> Self {
        Self {
            state,
            reason: Some(reason.into()),
            id: None,
            licensee: None,
            not_before: None,
            expires: None,
            grace_until: None,
            limits: Limits::default(),
            features: Vec::new(),
            quotas: BTreeMap::new(),
        }
    }

    /// Whether an operation stays within what is granted, by the rules that the host counts by too.
    pub fn permit(&self, operation: &str, usage: &Usage) -> Permission {
        let limits = &self.limits;
        let granting = matches!(self.state, State::Active | State::Grace);
        let state = (!granting)
            .then(|| Issue::new("/state", "not-granted", "the licence grants nothing at this time"));
        let total = exhausted("/limits/max-total-tenants", usage.total_tenants, limits.max_total_tenants);
        let more = match operation {
            "register-root-tenant" => {
                let roots =
                    exhausted("/limits/max-root-tenants", usage.root_tenants, limits.max_root_tenants);
                vec![roots, total]
            }
            "register-subtenant" => {
                let above = usage.hierarchy_depth.saturating_sub(1);
                let depth = exhausted("/limits/max-hierarchy-depth", above, limits.max_hierarchy_depth);
                let message = "the licence allows no subtenants";
                let flat = (limits.subtenants_allowed == Some(false))
                    .then(|| Issue::new("/limits/subtenants-allowed", "not-granted", message));
                vec![total, depth, flat, self.lacks("subtenants")]
            }
            "issue-credential" => {
                let counted = |(name, maximum): (&String, &u64)| {
                    let used = usage.counters.get(name)?;
                    exhausted(&format!("/quotas/{name}"), *used, Some(*maximum))
                };
                self.quotas.iter().map(counted).collect()
            }
            feature => vec![self.lacks(feature)],
        };
        let reasons: Vec<Issue> = std::iter::once(state).chain(more).flatten().collect();
        if reasons.is_empty() { Permission::Allow } else { Permission::Deny(reasons) }
    }

    fn lacks(&self, feature: &str) -> Option<Issue> {
        let message = format!("the licence does not include `{feature}`");
        let included = self.features.iter().any(|included| included == feature);
        (!included).then(|| Issue::new("/features", "not-granted", &message))
    }
}

fn exhausted<N: Into<u64>>(pointer: &str, used: N, maximum: Option<N>) -> Option<Issue> {
    let (used, maximum) = (used.into(), maximum?.into());
    let message = format!("the licence allows {maximum}, all are used");
    (used >= maximum).then(|| Issue::new(pointer, "exhausted", &message))
}

/// Everything that a licence plugin usually needs.
pub mod prelude {
    pub use super::{Context, Entitlements, License, Limits, Permission, State, Usage};
    pub use crate::{Description, Fault, Issue, Value, json};
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted() -> Entitlements {
        Entitlements {
            limits: Limits {
                max_root_tenants: Some(2),
                max_total_tenants: Some(3),
                max_hierarchy_depth: Some(2),
                subtenants_allowed: None,
            },
            features: vec!["subtenants".into(), "federation".into()],
            quotas: BTreeMap::from([("credentials-per-month".into(), 10)]),
            ..Entitlements::nothing(State::Active, "")
        }
    }

    fn denied(entitlements: &Entitlements, operation: &str, usage: &Usage) -> Vec<String> {
        match entitlements.permit(operation, usage) {
            Permission::Allow => Vec::new(),
            Permission::Deny(reasons) => reasons.into_iter().map(|reason| reason.pointer).collect(),
        }
    }

    #[test]
    fn what_is_exhausted_is_denied_at_its_limit() {
        let used = |roots, total, depth| Usage {
            root_tenants: roots,
            total_tenants: total,
            hierarchy_depth: depth,
            counters: BTreeMap::from([("credentials-per-month".into(), total.into())]),
        };
        let denied = |operation, usage| denied(&granted(), operation, &usage);
        assert!(denied("register-root-tenant", used(1, 2, 1)).is_empty());
        assert_eq!(denied("register-root-tenant", used(2, 2, 1)), ["/limits/max-root-tenants"]);
        assert_eq!(denied("register-root-tenant", used(1, 3, 1)), ["/limits/max-total-tenants"]);
        assert!(denied("register-subtenant", used(2, 2, 2)).is_empty());
        assert_eq!(denied("register-subtenant", used(2, 2, 3)), ["/limits/max-hierarchy-depth"]);
        assert!(denied("issue-credential", used(2, 9, 1)).is_empty());
        assert_eq!(denied("issue-credential", used(2, 10, 1)), ["/quotas/credentials-per-month"]);
    }

    #[test]
    fn what_is_not_granted_is_denied() {
        let none = Usage::default();
        assert!(denied(&granted(), "federation", &none).is_empty());
        assert_eq!(denied(&granted(), "custom-domains", &none), ["/features"]);
        let expired = Entitlements { state: State::Expired, ..granted() };
        assert_eq!(denied(&expired, "federation", &none), ["/state"]);
        let flat = Limits { subtenants_allowed: Some(false), ..Limits::default() };
        let flat = Entitlements { limits: flat, ..granted() };
        assert_eq!(denied(&flat, "register-subtenant", &none), ["/limits/subtenants-allowed"]);
    }
}
