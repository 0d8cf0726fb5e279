//! What wallets say about the credentials that they got.

use chancery_domain::{IssuanceId, OfferId, OfferState};
use sqlx::query;

use crate::{StoreError, TenantTx};

/// What a wallet says about a credential (OpenID4VCI 1.0 §11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationEvent {
    /// It was stored.
    Accepted,
    /// It could not be stored.
    Failure,
    /// The user did not want it.
    Deleted,
}

impl NotificationEvent {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "credential_accepted",
            Self::Failure => "credential_failure",
            Self::Deleted => "credential_deleted",
        }
    }
}

/// What a wallet's word changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// The state that the offer came into, if it is another than before.
    pub offer_is_now: Option<OfferState>,
}

impl TenantTx {
    /// Notes what the wallet says about a credential. The offer follows once nothing of it is left. None
    /// if that offer has no such issuance; to say the same again is no error.
    pub async fn notify(
        &mut self,
        issuance: IssuanceId,
        offer: OfferId,
        event: NotificationEvent,
    ) -> Result<Option<Noted>, StoreError> {
        let outcome = match event {
            NotificationEvent::Accepted => Some(OfferState::Accepted),
            NotificationEvent::Failure => Some(OfferState::Failed),
            NotificationEvent::Deleted => None,
        };
        let known = query!(
            r#"with noted as (
                 update issuances set notification = $3 where id = $1 and offer_id = $2
                 returning offer_id
             ), followed as (
                 update offers set state = $4::text
                 where id = $2 and $4::text is not null and state = 'issued' and items_left = 0
                   and exists (select from noted)
                 returning id
             ), erased as (
                 delete from offer_subjects using followed where offer_id = followed.id and $4 = 'failed'
             )
             select exists (select from noted) as "known!", exists (select from followed) as "followed!""#,
            issuance.uuid(),
            offer.uuid(),
            event.as_str(),
            outcome.map(OfferState::as_str),
        )
        .fetch_one(self.session.statement())
        .await;
        let found = self.session.settle(known)?;
        Ok(found.known.then_some(Noted { offer_is_now: outcome.filter(|_| found.followed) }))
    }
}
