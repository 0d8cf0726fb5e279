//! Record first, sign second: the value that permits one signature.

use crate::{CredentialId, IssuanceId};

/// Where a credential's status is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusEntry {
    /// The number of the tenant's status list.
    pub list: u64,
    /// The index in that list; never re-used.
    pub index: u32,
}

/// Permission to sign one copy of one credential.
///
/// Only a committed intent row creates it and one signature consumes it: it is
/// neither `Clone` nor `Copy`, and `.clippy.toml` keeps its constructor to the store.
/// What is signed without one, to be looked at, is signed with a key that nobody has.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an intent was recorded; sign it or the status index is burned"]
pub struct IssuanceToken {
    issuance: IssuanceId,
    credential: CredentialId,
    status: StatusEntry,
}

impl IssuanceToken {
    /// Called by the store once the intent row is committed, by nobody else.
    pub fn from_committed_intent(
        issuance: IssuanceId,
        credential: CredentialId,
        status: StatusEntry,
    ) -> Self {
        Self { issuance, credential, status }
    }

    /// Called to show what a credential would be, under a key that is made for that and
    /// forgotten, and by nobody else.
    pub fn of_a_sample(issuance: IssuanceId, credential: CredentialId) -> Self {
        Self { issuance, credential, status: StatusEntry { list: 0, index: 0 } }
    }

    /// The decision to sign that this copy belongs to.
    pub fn issuance(&self) -> IssuanceId {
        self.issuance
    }

    /// The copy that is to be signed.
    pub fn credential(&self) -> CredentialId {
        self.credential
    }

    /// Where the copy's status is published.
    pub fn status(&self) -> StatusEntry {
        self.status
    }
}
