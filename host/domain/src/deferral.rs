//! The life of a deferral: a credential that somebody has yet to decide on.

use serde::{Deserialize, Serialize};

/// How far a deferral has come.
///
/// ```text
/// pending → completed → issued
///     └─────────┴─────→ refused | expired | cancelled
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeferralState {
    /// Nobody has decided.
    Pending,
    /// It is to be issued, and waits for its wallet.
    Completed,
    /// It is not to be issued.
    Refused,
    /// The wallet fetched it.
    Issued,
    /// Nobody decided, or the wallet did not come, in time.
    Expired,
    /// Its offer was withdrawn, or failed.
    Cancelled,
}

impl DeferralState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Completed, Self::Refused, Self::Issued, Self::Expired, Self::Cancelled];

    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::Issued => "issued",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether something may still come of it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Completed)
    }
}

/// In how many seconds a wallet asks again, where the template does not say it.
pub const DEFERRAL_INTERVAL: u32 = 5;
/// No wallet is told to stay away for longer.
pub const LONGEST_INTERVAL: u32 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back() {
        for state in DeferralState::ALL {
            assert_eq!(DeferralState::parse(state.as_str()), Some(state));
        }
        assert_eq!(DeferralState::parse("later"), None);
    }
}
