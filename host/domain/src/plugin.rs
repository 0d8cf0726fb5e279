//! Plugins: on whose shelf a version stands, and what part it plays there.

/// The part that a revision of a plugin plays for those who have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It answers.
    Active,
    /// It answers for so many of a hundred new offers, 1 to 99; the active one for the others.
    Canary {
        /// Of a hundred.
        share: u8,
    },
    /// It is asked as well, and its answers are compared; nobody gets them.
    Shadow,
}

impl Part {
    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Canary { .. } => "canary",
            Self::Shadow => "shadow",
        }
    }

    /// Of a canary: of a hundred offers, how many are made with it.
    pub const fn share(self) -> Option<u8> {
        match self {
            Self::Canary { share } => Some(share),
            Self::Active | Self::Shadow => None,
        }
    }

    /// Reads the words back.
    pub fn parse(word: &str, share: Option<u8>) -> Option<Self> {
        match (word, share) {
            ("active", None) => Some(Self::Active),
            ("canary", Some(share @ 1..=99)) => Some(Self::Canary { share }),
            ("shadow", None) => Some(Self::Shadow),
            _ => None,
        }
    }
}

/// Whose decision something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The tenant's own.
    Tenant,
    /// The deployment's, for every tenant that decides nothing else.
    Deployment,
}

impl Whose {
    /// The word that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Deployment => "deployment",
        }
    }
}

/// Whether a version that was found sound may be activated from the shelf that it stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// Somebody who did not upload it has to look at it first.
    Awaited,
    /// It may.
    Given,
}

impl Approval {
    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Awaited => "awaiting-approval",
            Self::Given => "approved",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Awaited, Self::Given].into_iter().find(|approval| approval.as_str() == word)
    }
}
