//! The life of a credential offer.

use serde::{Deserialize, Serialize};

/// How far an offer has come, from the wallet's point of view.
///
/// ```text
/// created → fetched → redeemed → issued → accepted
///     └────────┴──────────┴────────┴────→ failed | expired | cancelled
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OfferState {
    /// Made; no wallet has looked at it.
    Created,
    /// A wallet (or a curious person) has read it by reference.
    Fetched,
    /// The pre-authorized code was exchanged for a token.
    Redeemed,
    /// At least one credential was signed.
    Issued,
    /// The wallet said that it stored the credential.
    Accepted,
    /// The wallet said that it could not store it, or too many wrong transaction codes came.
    Failed,
    /// Not redeemed in time.
    Expired,
    /// Withdrawn by the issuer.
    Cancelled,
}

impl OfferState {
    /// Every state, in the order of an offer's life.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Fetched,
        Self::Redeemed,
        Self::Issued,
        Self::Accepted,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
    ];

    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Fetched => "fetched",
            Self::Redeemed => "redeemed",
            Self::Issued => "issued",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether a wallet may still exchange the code.
    pub const fn is_redeemable(self) -> bool {
        matches!(self, Self::Created | Self::Fetched)
    }

    /// Whether the offer stays in it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Accepted | Self::Failed | Self::Expired | Self::Cancelled)
    }
}

/// How a wallet gets a token for an offer. An offer has one way, never two: a code of one kind is none of the
/// other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OfferGrant {
    /// Whoever has the offer has the code (OpenID4VCI §3.5).
    #[default]
    #[serde(rename = "pre-authorized_code")]
    PreAuthorizedCode,
    /// The holder signs in and consents first (OpenID4VCI §3.4).
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
}

impl OfferGrant {
    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreAuthorizedCode => "pre-authorized_code",
            Self::AuthorizationCode => "authorization_code",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::PreAuthorizedCode, Self::AuthorizationCode].into_iter().find(|grant| grant.as_str() == word)
    }
}

/// How often a transaction code may be tried, ever, for one offer.
pub const TX_CODE_ATTEMPTS: i16 = 5;
