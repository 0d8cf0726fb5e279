//! Somebody who was invited becomes the owner of a tenant.

use chancery_credential::secrets::{ApiKeySecret, InvitationSecret};
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::scope::Scope;
use chancery_store::{NewApiKey, StoreError};
use serde_json::json;

use crate::app::App;
use crate::issuer::Issuer;
use crate::manage::api_keys::new_api_key;

/// Uses the invitation up and makes the owner's key, both or neither. None for an invitation that is wrong,
/// used or over; nobody learns which.
pub(crate) async fn accept_invitation(
    app: &App,
    author: Author,
    issuer: &Issuer,
    invitation: &str,
) -> Result<Option<(NewApiKey, ApiKeySecret)>, StoreError> {
    let Some(secret) = InvitationSecret::parse(invitation) else { return Ok(None) };
    let mut tx = app.tenant(issuer).await?;
    let Some(invitation) = tx.accept_invitation(&secret.hash(), app.now()).await? else {
        tx.commit().await?;
        return Ok(None);
    };
    let (key, secret) = new_api_key(app, "owner", vec![Scope::Owner]);
    tx.create_api_key(&key).await?;
    let changed = Changed::made(json!({ "api_key": key.id }));
    tx.record(&app.entry(author, Action::InvitationAccepted, invitation, &changed)).await?;
    tx.commit().await?;
    tracing::info!(tenant = %issuer.tenant(), %invitation, "an owner accepted the invitation");
    Ok(Some((key, secret)))
}
