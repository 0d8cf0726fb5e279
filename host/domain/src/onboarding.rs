//! Registrations: by which way they come, how many tenants there are already, and which of them wait.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::template::Issue;

/// By which way a registration comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The platform's own administration.
    Operator,
    /// The administration of the parent.
    Parent,
}

impl Channel {
    /// The word that policies, the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Parent => "parent",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Operator, Self::Parent].into_iter().find(|channel| channel.as_str() == word)
    }
}

/// How many tenants there are, without the platform's own, deleted ones and those that were never let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TenantCounts {
    /// In the whole deployment.
    pub total: u32,
    /// At the root.
    pub roots: u32,
    /// Below the same parent; for a tenant at the root those at the root.
    pub siblings: u32,
    /// Those that wait for approval or verification.
    pub waiting: u32,
}

/// How many tenants there may be; none is as many as one likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TenantPlaces {
    /// In the whole deployment.
    pub total: Option<u32>,
    /// At the root.
    pub roots: Option<u32>,
}

/// Places that are all taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Those of the deployment.
    Total,
    /// Those at the root.
    Roots,
}

impl TenantPlaces {
    /// What is full for one more tenant, at the root or below another.
    pub fn full(&self, counts: &TenantCounts, at_root: bool) -> Option<Full> {
        let is_full = |places: Option<u32>, taken: u32| places.is_some_and(|places| taken >= places);
        if is_full(self.total, counts.total) {
            Some(Full::Total)
        } else if at_root && is_full(self.roots, counts.roots) {
            Some(Full::Roots)
        } else {
            None
        }
    }
}

/// Why a registration waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What is to be shown first: `owner-email`, `domain`.
    pub verifications: Vec<String>,
    /// Why a person is to look; pointers lead into the registration.
    pub reasons: Vec<Issue>,
    /// Since when.
    pub since: OffsetDateTime,
}

/// What a licence may allow at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Tenants below tenants.
    Subtenants,
    /// Registrations by anybody.
    SelfSignup,
    /// Domains of a tenant's own.
    CustomDomains,
    /// Identity providers of a tenant's own.
    Federation,
}

impl Feature {
    /// The word that licences use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subtenants => "subtenants",
            Self::SelfSignup => "self-signup",
            Self::CustomDomains => "custom-domains",
            Self::Federation => "federation",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_is_a_place() {
        let places = TenantPlaces { total: Some(3), roots: Some(2) };
        let taken = |total, roots| TenantCounts { total, roots, ..TenantCounts::default() };
        assert_eq!(places.full(&taken(2, 1), true), None);
        assert_eq!(places.full(&taken(2, 2), true), Some(Full::Roots));
        assert_eq!(places.full(&taken(2, 2), false), None, "a subtenant takes no place at the root");
        assert_eq!(places.full(&taken(3, 1), false), Some(Full::Total));
        assert_eq!(TenantPlaces::default().full(&taken(u32::MAX, u32::MAX), true), None);
        assert_eq!(TenantPlaces { total: Some(0), roots: None }.full(&taken(0, 0), true), Some(Full::Total));
    }
}
