//! Tenants: the organisations that issue.

use serde::{Deserialize, Serialize};

use crate::TenantId;

/// A tenant as the directory knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Names the tenant in the database and in key derivation, for ever.
    pub id: TenantId,
    /// Names the tenant in URLs; never re-issued.
    pub slug: String,
    /// What people call the tenant.
    pub name: String,
    /// Where the tenant stands in its life.
    pub status: TenantStatus,
    /// The tenant that administers and licenses it; it shares no data with it.
    pub parent: Option<TenantId>,
    /// Whether it is the application tenant, which has no address and is in no list.
    pub system: bool,
    /// Counts the changes of what stands above.
    pub version: u32,
    /// While it closes: from when on it is deleted.
    pub delete_at: Option<time::OffsetDateTime>,
}

/// Where a tenant stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantStatus {
    /// Registered, waiting for a person's approval.
    PendingApproval,
    /// Registered, waiting for a proof (of an address, a domain).
    PendingVerification,
    /// Registration was refused.
    Rejected,
    /// In service.
    Active,
    /// Management, client tokens and issuance refuse; what verifiers need stays public.
    Suspended,
    /// No issuance; status lists are renewed until the last credential expires.
    Closing,
    /// Gone; only the slug remains, so that nobody else gets it.
    Deleted,
}

impl TenantStatus {
    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PendingApproval => "pending-approval",
            Self::PendingVerification => "pending-verification",
            Self::Rejected => "rejected",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closing => "closing",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::PendingApproval,
            Self::PendingVerification,
            Self::Rejected,
            Self::Active,
            Self::Suspended,
            Self::Closing,
            Self::Deleted,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
    }

    /// Whether the tenant may sign new credentials.
    pub const fn may_issue(self) -> bool {
        matches!(self, Self::Active)
    }

    /// Whether its own people may manage it. While it closes, they still revoke.
    pub const fn may_manage(self) -> bool {
        matches!(self, Self::Active | Self::Closing)
    }

    /// Whether strangers may know of it: verifiers of live credentials need its keys and status lists.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Active | Self::Suspended | Self::Closing)
    }

    /// The status after a change.
    pub const fn after(self, change: TenantChange) -> Result<Self, WrongStatus> {
        use TenantChange as C;
        match (self, change) {
            (Self::PendingApproval | Self::PendingVerification, C::Approve)
            | (Self::Suspended, C::Resume) => Ok(Self::Active),
            (Self::PendingApproval | Self::PendingVerification, C::Reject) => Ok(Self::Rejected),
            (Self::Active, C::Suspend) => Ok(Self::Suspended),
            (Self::Active | Self::Suspended, C::Close) => Ok(Self::Closing),
            (Self::Deleted, _) => Err(WrongStatus { status: self, change }),
            (_, C::Delete) => Ok(Self::Deleted),
            _ => Err(WrongStatus { status: self, change }),
        }
    }
}

/// What an operator does to a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantChange {
    /// Lets a held registration in.
    Approve,
    /// Refuses a held registration.
    Reject,
    /// Stops management and issuance for now.
    Suspend,
    /// Ends a suspension.
    Resume,
    /// Ends issuance for ever; what was issued is honoured.
    Close,
    /// Ends everything.
    Delete,
}

impl TenantChange {
    /// The verb.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Close => "close",
            Self::Delete => "delete",
        }
    }
}

/// Who administers a tenant from above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Administrator {
    /// Whoever operates the deployment.
    Operator,
    /// Whoever administers the tenant's parent.
    Parent,
}

impl Administrator {
    /// The word that the database uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Parent => "parent",
        }
    }
}

/// The tenant's status does not allow the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant that is {} cannot be changed by `{}`", status.as_str(), change.as_str())]
pub struct WrongStatus {
    /// What it is.
    pub status: TenantStatus,
    /// What was wanted.
    pub change: TenantChange,
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGES: [TenantChange; 6] = [
        TenantChange::Approve,
        TenantChange::Reject,
        TenantChange::Suspend,
        TenantChange::Resume,
        TenantChange::Close,
        TenantChange::Delete,
    ];

    #[test]
    fn what_is_deleted_stays_deleted() {
        for change in CHANGES {
            assert!(TenantStatus::Deleted.after(change).is_err(), "{}", change.as_str());
        }
    }

    #[test]
    fn what_closes_never_issues_again() {
        for change in CHANGES {
            assert_ne!(TenantStatus::Closing.after(change), Ok(TenantStatus::Active), "{}", change.as_str());
        }
    }

    #[test]
    fn only_an_approval_lets_a_registration_in() {
        for held in [TenantStatus::PendingApproval, TenantStatus::PendingVerification] {
            for change in CHANGES {
                let is_in = held.after(change).is_ok_and(TenantStatus::is_public);
                assert_eq!(is_in, change == TenantChange::Approve, "{}", change.as_str());
            }
        }
    }
}
