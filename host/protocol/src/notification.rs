//! The notification endpoint (OpenID4VCI §11).

use serde::{Deserialize, Serialize};

/// What a wallet reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationRequest {
    /// From the credential response.
    pub notification_id: String,
    /// What became of the credentials.
    pub event: NotificationEvent,
    /// For humans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_description: Option<String>,
}

/// What became of the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationEvent {
    /// Stored in the wallet.
    CredentialAccepted,
    /// Could not be stored.
    CredentialFailure,
    /// The holder removed or refused them.
    CredentialDeleted,
}
