//! A wallet reports what became of its credentials (OpenID4VCI §11).

use chancery_protocol::error::ErrorCode;
use chancery_protocol::notification::{NotificationEvent as Event, NotificationRequest};
use chancery_store::{NotificationEvent, Seen};

use super::issue_credential::proof_replayed;
use super::redeem_code::PROOF_MEMORY;
use crate::app::App;
use crate::caller::Wallet;
use crate::refusal::Refusal;

/// Notes the outcome on the offer. Only the wallet that got the credentials may report.
pub(crate) async fn note_outcome(
    app: &App,
    wallet: Wallet,
    request: NotificationRequest,
) -> Result<(), Refusal> {
    let issuer = wallet.issuer.as_ref();
    let unknown =
        || Refusal::new(ErrorCode::InvalidNotificationId, "the notification_id is not one of this token");
    let (issuance, offer) = issuer.tokens.open_notification(&request.notification_id).ok_or_else(unknown)?;
    if offer != wallet.token.offer {
        return Err(unknown());
    }
    let event = match request.event {
        Event::CredentialAccepted => NotificationEvent::Accepted,
        Event::CredentialFailure => NotificationEvent::Failure,
        Event::CredentialDeleted => NotificationEvent::Deleted,
    };
    let mut tx = app.tenant(issuer).await?;
    if let Some(proof) = &wallet.proof
        && !tx.remember(Seen::DpopProof, &proof.jti_hash, app.now() + PROOF_MEMORY).await?
    {
        tx.commit().await?;
        return Err(proof_replayed());
    }
    let noted = tx.notify(issuance, offer, event).await?;
    if let Some(state) = noted.and_then(|noted| noted.offer_is_now) {
        app.tell_of_offer(issuer, &mut tx, offer, state).await?;
    }
    tx.commit().await?;
    noted.map(drop).ok_or_else(unknown)
}
