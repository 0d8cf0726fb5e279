//! Offers, as their issuer sees them.

pub(crate) mod cancel;
pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod show;

use chancery_domain::{
    CredentialId, CredentialStatus, DeferralId, DeferralState, OfferGrant, OfferId, OfferState,
};
use chancery_store::{Credential, Deferral, Offer};
use serde::Serialize;
use time::OffsetDateTime;

/// An offer, without its secrets and its subject.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OfferView {
    /// `ofr_…`
    #[schema(value_type = String)]
    id: OfferId,
    /// How far it has come.
    #[schema(value_type = String)]
    state: OfferState,
    /// How the wallet gets its token: `pre-authorized_code` or `authorization_code`.
    #[schema(value_type = String)]
    grant: OfferGrant,
    /// The offer that the wallet renews what it received for; absent if it renews nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    renews: Option<OfferId>,
    /// What it offers.
    configuration_ids: Vec<String>,
    /// Whether the holder needs a transaction code.
    tx_code_required: bool,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// What was issued for it; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<Vec<OfferCredential>>,
    /// What somebody has to complete, or had to; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    deferrals: Option<Vec<OfferDeferral>>,
}

/// A credential of an offer that is or was deferred.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OfferDeferral {
    /// `dfr_…`
    #[schema(value_type = String)]
    id: DeferralId,
    configuration_id: String,
    /// `pending`, `completed`, `refused`, `issued`, `expired` or `cancelled`.
    #[schema(value_type = String)]
    state: DeferralState,
}

impl From<Deferral> for OfferDeferral {
    fn from(row: Deferral) -> Self {
        Self { id: row.id, configuration_id: row.configuration_id, state: row.state }
    }
}

/// A credential of an offer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OfferCredential {
    /// `crd_…`
    #[schema(value_type = String)]
    pub(crate) id: CredentialId,
    /// What was issued.
    pub(crate) configuration_id: String,
    /// `valid`, `suspended` or `revoked`.
    #[schema(value_type = String)]
    pub(crate) status: CredentialStatus,
}

impl OfferView {
    fn new(row: Offer, now: OffsetDateTime) -> Self {
        Self {
            id: row.id,
            state: state_of(&row, now),
            grant: row.grant,
            renews: row.renews,
            configuration_ids: row.items.into_iter().map(|item| item.configuration_id).collect(),
            tx_code_required: row.tx_code.is_some(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            credentials: None,
            deferrals: None,
        }
    }
}

impl From<Credential> for OfferCredential {
    fn from(row: Credential) -> Self {
        Self { id: row.id, configuration_id: row.configuration_id, status: row.status }
    }
}

/// The sweep may be seconds late; what is read is right at once.
pub(crate) fn state_of(row: &Offer, now: OffsetDateTime) -> OfferState {
    if row.state.is_redeemable() && row.expires_at <= now { OfferState::Expired } else { row.state }
}
