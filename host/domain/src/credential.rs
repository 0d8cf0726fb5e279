//! The status of an issued credential, and how it may change.

use serde::{Deserialize, Serialize};

/// The status of an issued credential; the numbers are those of the Token Status List.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialStatus {
    /// `0x00`.
    Valid,
    /// `0x02`: not to be relied on for now.
    Suspended,
    /// `0x01`: never again valid.
    Revoked,
}

impl CredentialStatus {
    /// The value in a Token Status List with two bits per entry.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Revoked => 1,
            Self::Suspended => 2,
        }
    }

    /// Reads a Token Status List value back; application-specific values are none of ours.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Valid),
            1 => Some(Self::Revoked),
            2 => Some(Self::Suspended),
            _ => None,
        }
    }

    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Valid, Self::Suspended, Self::Revoked].into_iter().find(|status| status.as_str() == word)
    }

    /// The status after `change`. Revocation is for ever; a repeated change is no error.
    pub const fn after(self, change: StatusChange) -> Result<Self, RevokedForEver> {
        match (self, change) {
            (_, StatusChange::Revoke) => Ok(Self::Revoked),
            (Self::Revoked, _) => Err(RevokedForEver),
            (_, StatusChange::Suspend) => Ok(Self::Suspended),
            (_, StatusChange::Reinstate) => Ok(Self::Valid),
        }
    }
}

/// What an issuer may do to a credential that is out in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusChange {
    /// For ever.
    Revoke,
    /// Until further notice.
    Suspend,
    /// Back to valid.
    Reinstate,
}

/// A revoked credential cannot be suspended or reinstated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credential is revoked, and a revocation cannot be taken back")]
pub struct RevokedForEver;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revocation_is_for_ever() {
        let revoked = CredentialStatus::Suspended.after(StatusChange::Revoke);
        assert_eq!(revoked, Ok(CredentialStatus::Revoked));
        assert_eq!(CredentialStatus::Revoked.after(StatusChange::Reinstate), Err(RevokedForEver));
        assert_eq!(CredentialStatus::Revoked.after(StatusChange::Suspend), Err(RevokedForEver));
        assert_eq!(CredentialStatus::Revoked.after(StatusChange::Revoke), Ok(CredentialStatus::Revoked));
    }
}
