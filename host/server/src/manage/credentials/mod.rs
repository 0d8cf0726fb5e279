//! Issued credentials, as their issuer sees them: no claim, no signature, no holder.

pub(crate) mod change;
pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod show;

use chancery_domain::{CredentialId, CredentialStatus, OfferId};
use chancery_store::Credential;
use serde::Serialize;
use time::OffsetDateTime;

/// An issued copy of a credential.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CredentialView {
    /// `crd_…`
    #[schema(value_type = String)]
    id: CredentialId,
    /// The offer that it was issued for.
    #[schema(value_type = String)]
    offer: OfferId,
    /// What was issued.
    configuration_id: String,
    /// `valid`, `suspended` or `revoked`.
    #[schema(value_type = String)]
    status: CredentialStatus,
    /// On the hour: closer times would link copies.
    #[serde(with = "time::serde::rfc3339")]
    issued_at: OffsetDateTime,
}

impl From<Credential> for CredentialView {
    fn from(row: Credential) -> Self {
        Self {
            id: row.id,
            offer: row.offer,
            configuration_id: row.configuration_id,
            status: row.status,
            issued_at: row.issued_hour,
        }
    }
}
