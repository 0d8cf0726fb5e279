//! What a management caller may do.

use serde::{Deserialize, Serialize};

/// One permission of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Make, read and withdraw offers.
    #[serde(rename = "issuance:offer")]
    Offer,
    /// All that `issuance:offer` may, and change the status of credentials.
    #[serde(rename = "issuance:manage")]
    Manage,
    /// Read everything, change nothing.
    #[serde(rename = "auditor")]
    Auditor,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Offer, Self::Manage, Self::Auditor];

    /// The word that the API and the database use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "issuance:offer",
            Self::Manage => "issuance:manage",
            Self::Auditor => "auditor",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}
