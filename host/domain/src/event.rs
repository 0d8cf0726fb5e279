//! What happens at a tenant, as its other systems are told: ids and states, never a claim.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{CredentialStatus, EventId, OfferState, StatusChange};

macro_rules! event_types {
    ($($name:ident = $word:literal, $meaning:literal;)*) => {
        /// What happened, in the past tense.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventType {
            $(
                #[doc = $meaning]
                #[serde(rename = $word)]
                $name,
            )*
        }

        impl EventType {
            /// Every type that a webhook can be told of.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word that the database and the API use.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

event_types! {
    OfferCreated = "offer.created", "An offer was made.";
    OfferFetched = "offer.fetched", "A wallet read an offer.";
    OfferRedeemed = "offer.redeemed", "A wallet got a token for an offer.";
    OfferIssued = "offer.issued", "The first credential of an offer was issued.";
    OfferAccepted = "offer.accepted", "The wallet said that it stored what was issued.";
    OfferFailed = "offer.failed", "The wallet could not store it, or too many transaction codes were wrong.";
    OfferExpired = "offer.expired", "Nobody redeemed an offer in time.";
    OfferCancelled = "offer.cancelled", "An offer was withdrawn.";
    CredentialIssued = "credential.issued", "A credential was recorded, to be signed at once, in one or more copies.";
    CredentialRevoked = "credential.revoked", "A credential was revoked.";
    CredentialSuspended = "credential.suspended", "A credential was suspended.";
    CredentialReinstated = "credential.reinstated", "A suspended credential is valid again.";
    PluginActivated = "plugin.activated", "A version of a plugin answers for a configuration.";
    PluginDeactivated = "plugin.deactivated", "A configuration is issued no more.";
    PluginRolledBack = "plugin.rolled-back", "The last step under a configuration was undone.";
    PluginTripped = "plugin.tripped", "A plugin failed too often and was taken from where it did.";
}

/// The type of what a webhook is sent to try it.
pub const TEST: &str = "webhook.test";

impl EventType {
    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// That an offer came into a state.
    pub const fn of_offer(state: OfferState) -> Self {
        match state {
            OfferState::Created => Self::OfferCreated,
            OfferState::Fetched => Self::OfferFetched,
            OfferState::Redeemed => Self::OfferRedeemed,
            OfferState::Issued => Self::OfferIssued,
            OfferState::Accepted => Self::OfferAccepted,
            OfferState::Failed => Self::OfferFailed,
            OfferState::Expired => Self::OfferExpired,
            OfferState::Cancelled => Self::OfferCancelled,
        }
    }
}

impl From<StatusChange> for EventType {
    fn from(change: StatusChange) -> Self {
        match change {
            StatusChange::Revoke => Self::CredentialRevoked,
            StatusChange::Suspend => Self::CredentialSuspended,
            StatusChange::Reinstate => Self::CredentialReinstated,
        }
    }
}

impl From<CredentialStatus> for EventType {
    fn from(status: CredentialStatus) -> Self {
        match status {
            CredentialStatus::Valid => Self::CredentialReinstated,
            CredentialStatus::Suspended => Self::CredentialSuspended,
            CredentialStatus::Revoked => Self::CredentialRevoked,
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Names it, at whatever attempt and to whichever webhook it is told.
    pub id: EventId,
    /// When.
    pub at: OffsetDateTime,
    /// What: a word of [`EventType`], or [`TEST`].
    pub kind: &'static str,
    /// Of which things, and what they are now.
    pub data: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back() {
        for kind in EventType::ALL {
            assert_eq!(EventType::parse(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(EventType::parse(TEST), None, "nobody asks to be tried all the time");
    }

    #[test]
    fn every_state_of_an_offer_is_told_by_its_name() {
        for state in OfferState::ALL {
            assert_eq!(EventType::of_offer(state).as_str(), format!("offer.{}", state.as_str()));
        }
    }
}
