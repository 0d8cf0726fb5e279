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
}
