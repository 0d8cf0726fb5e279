//! Telling the issuer what became of a credential (OpenID4VCI §11).

use chancery_protocol::error;
use chancery_protocol::notification::{NotificationEvent, NotificationRequest};

use super::failure::{ClaimError, Step};
use super::grant::Grant;
use super::issuer::Issuer;
use super::{Wallet, link, refusal};

impl Wallet {
    /// Sends a notification.
    pub async fn notify(
        &self,
        issuer: &Issuer,
        grant: &mut Grant,
        notification_id: String,
        event: NotificationEvent,
        reason: Option<String>,
    ) -> Result<(), ClaimError> {
        let step = Step::Notification;
        let endpoint = issuer.metadata().notification_endpoint.as_deref().ok_or_else(|| {
            step.unexpected("a notification_endpoint, since a notification_id came", "none in the metadata")
        })?;
        let url = link::endpoint(step, endpoint)?;
        let event_description = reason.map(|reason| error::describe(&reason));
        let request = NotificationRequest { notification_id, event, event_description };
        let answer = self.call(step, &url, grant, &request).await?;
        if answer.status.is_success() {
            Ok(())
        } else {
            Err(refusal(step, &answer, "204 for the notification"))
        }
    }
}
