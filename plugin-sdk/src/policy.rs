//! Deciding who may become a tenant.
//!
//! ```
//! use chancery_plugin_sdk::policy::prelude::*;
//!
//! struct NoDigits;
//!
//! impl OnboardingPolicy for NoDigits {
//!     fn describe(_: Value) -> Result<Description, Fault> {
//!         Ok(Description::new("en", "No digits", "Slugs have letters only."))
//!     }
//!
//!     fn decide(registration: Registration, _: Context) -> Result<Decision, Fault> {
//!         Ok(if registration.slug.contains(|c: char| c.is_ascii_digit()) {
//!             Decision::reject("/slug", "digits", "must have no digits")
//!         } else {
//!             Decision::Approve
//!         })
//!     }
//! }
//!
//! chancery_plugin_sdk::export!(NoDigits as OnboardingPolicy);
//! # fn main() {}
//! ```

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Description, Fault, Issue};

/// An onboarding policy. It can only narrow: the licence and the quotas have allowed the registration
/// already, and where several policies are bound, the strictest decision holds.
///
/// Both functions are pure: there is no clock, no randomness, no file and no network, and nothing is
/// kept from one call to the next.
pub trait OnboardingPolicy {
    /// Describes the policy under a configuration, the empty object included.
    fn describe(configuration: Value) -> Result<Description, Fault>;

    /// Decides on one registration. A fault holds it for approval; it never lets it in.
    fn decide(registration: Registration, context: Context) -> Result<Decision, Fault>;
}

/// Who wants to become a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The slug that was asked for.
    pub slug: String,
    /// What the tenant is to be called.
    pub name: String,
    /// The parent's slug; none for a tenant at the root.
    pub parent: Option<String>,
    /// Who is to own it.
    pub owner: Option<Contact>,
    /// By which way it came: `operator`, `parent`, `self-signup`. There may be others: treat what you
    /// do not know like `self-signup`.
    pub channel: String,
    /// What else the registrant said.
    #[serde(default)]
    pub details: Map<String, Value>,
}

/// A person to write to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The e-mail address, as it was typed.
    pub email: String,
    /// The person's name.
    pub name: Option<String>,
    /// Whether the person has shown that the address is theirs.
    #[serde(default)]
    pub email_verified: bool,
}

impl Contact {
    /// What comes after the `@`, in lower case.
    pub fn domain(&self) -> Option<String> {
        self.email.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase())
    }
}

/// The circumstances.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The configuration of this policy.
    pub configuration: Value,
    /// The time, in seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
    /// BCP 47 tag that messages should be in.
    pub locale: String,
    /// How many tenants there are already.
    pub counts: Counts,
}

/// How many tenants there are, without the one that registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Counts {
    /// In the whole deployment.
    pub total: u32,
    /// At the root.
    pub roots: u32,
    /// Below the same parent.
    pub siblings: u32,
    /// Registrations that wait for approval or verification.
    pub waiting: u32,
    /// How deep the new tenant would lie: 1 at the root.
    pub depth: u32,
}

/// What a policy decides, from the mildest to the strictest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Let it in.
    Approve,
    /// Let it in once these were shown: `owner-email`, `domain`.
    RequireVerification(Vec<String>),
    /// Let it in once a person has looked at it, for these reasons.
    RequireApproval(Vec<Issue>),
    /// Do not let it in, for these reasons; the registrant is shown them.
    Reject(Vec<Issue>),
}

impl Decision {
    /// A person has to look at it, for one reason. The pointer leads into the registration.
    pub fn require_approval(pointer: &str, code: &str, message: &str) -> Self {
        Self::RequireApproval(vec![Issue::new(pointer, code, message)])
    }

    /// It is not let in, for one reason. The pointer leads into the registration.
    pub fn reject(pointer: &str, code: &str, message: &str) -> Self {
        Self::Reject(vec![Issue::new(pointer, code, message)])
    }
}

/// Everything that a policy usually needs.
pub mod prelude {
    pub use super::{Contact, Context, Counts, Decision, OnboardingPolicy, Registration};
    pub use crate::{Description, Fault, Issue, Value, json};
}
