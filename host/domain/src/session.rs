//! An issuance session: the life of an offer, in the few words that a tenant follows it by.

use crate::OfferState;

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// No wallet has come yet.
    Active,
    /// A wallet is at it.
    Fetched,
    /// Something was issued.
    Completed,
    /// The wallet gave up, or was turned away.
    Failed,
    /// Nobody came in time.
    Expired,
    /// It was withdrawn.
    Cancelled,
}

impl SessionState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Active, Self::Fetched, Self::Completed, Self::Failed, Self::Expired, Self::Cancelled];

    /// The word that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Fetched => "fetched",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The states of an offer that a session is in it with.
    pub fn offer_states(self) -> impl Iterator<Item = OfferState> {
        OfferState::ALL.into_iter().filter(move |state| Self::from(*state) == self)
    }
}

impl From<OfferState> for SessionState {
    fn from(state: OfferState) -> Self {
        match state {
            OfferState::Created => Self::Active,
            OfferState::Fetched | OfferState::Redeemed => Self::Fetched,
            OfferState::Issued | OfferState::Accepted => Self::Completed,
            OfferState::Failed => Self::Failed,
            OfferState::Expired => Self::Expired,
            OfferState::Cancelled => Self::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_an_offer_belongs_to_one_of_a_session() {
        let all: Vec<OfferState> =
            SessionState::ALL.into_iter().flat_map(SessionState::offer_states).collect();
        assert_eq!(all.len(), OfferState::ALL.len());
        for state in SessionState::ALL {
            assert_eq!(SessionState::parse(state.as_str()), Some(state));
            assert!(state.offer_states().next().is_some(), "{}", state.as_str());
        }
    }
}
