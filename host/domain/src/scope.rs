//! What a management caller may do: roles, which are also the scopes of keys and tokens.

use serde::{Deserialize, Serialize};

/// One role. A caller holds several; each [covers](Scope::covers) itself and those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Administer the deployment. Held in the application tenant only.
    #[serde(rename = "platform-admin")]
    PlatformAdmin,
    /// Everything in one tenant, and who else owns it.
    #[serde(rename = "owner")]
    Owner,
    /// Everything in one tenant but its ownership.
    #[serde(rename = "admin")]
    Admin,
    /// Make, read and withdraw offers.
    #[serde(rename = "issuance:offer")]
    Offer,
    /// All that `issuance:offer` may, and change the status of credentials.
    #[serde(rename = "issuance:manage")]
    Manage,
    /// OAuth clients and API keys.
    #[serde(rename = "clients:manage")]
    Clients,
    /// Signing keys.
    #[serde(rename = "keys:manage")]
    Keys,
    /// Plugins and what they are configured with.
    #[serde(rename = "plugins:manage")]
    Plugins,
    /// Read everything, change nothing.
    #[serde(rename = "auditor")]
    Auditor,
}

impl Scope {
    /// Every scope that a tenant can give.
    pub const OF_A_TENANT: [Self; 8] = [
        Self::Owner,
        Self::Admin,
        Self::Offer,
        Self::Manage,
        Self::Clients,
        Self::Keys,
        Self::Plugins,
        Self::Auditor,
    ];

    /// The word that the API and the database use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlatformAdmin => "platform-admin",
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Offer => "issuance:offer",
            Self::Manage => "issuance:manage",
            Self::Clients => "clients:manage",
            Self::Keys => "keys:manage",
            Self::Plugins => "plugins:manage",
            Self::Auditor => "auditor",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::OF_A_TENANT.into_iter().chain([Self::PlatformAdmin]).find(|scope| scope.as_str() == word)
    }

    /// Whether who holds `self` may do what `other` permits. Only what is covered may be granted.
    pub fn covers(self, other: Self) -> bool {
        self == other
            || match self {
                Self::Owner => other != Self::PlatformAdmin,
                Self::Admin => !matches!(other, Self::PlatformAdmin | Self::Owner),
                Self::Manage => matches!(other, Self::Offer | Self::Auditor),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back() {
        for scope in Scope::OF_A_TENANT {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::parse("platform-admin"), Some(Scope::PlatformAdmin));
        assert_eq!(Scope::parse("root"), None);
    }

    #[test]
    fn nobody_in_a_tenant_covers_the_platform() {
        for scope in Scope::OF_A_TENANT {
            assert!(!scope.covers(Scope::PlatformAdmin), "{}", scope.as_str());
        }
    }

    #[test]
    fn only_an_owner_covers_an_owner() {
        for scope in Scope::OF_A_TENANT {
            assert_eq!(scope.covers(Scope::Owner), scope == Scope::Owner, "{}", scope.as_str());
        }
        assert!(Scope::Admin.covers(Scope::Keys) && !Scope::Keys.covers(Scope::Clients));
    }
}
