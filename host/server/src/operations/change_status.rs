//! An issuer revokes, suspends or reinstates a credential that is out in the world.

use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::{CredentialId, CredentialStatus, EventType, StatusChange};
use chancery_store::Credential;
use serde_json::json;

use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};

/// Changes the status; the status list shows it from the next second on.
pub(crate) async fn change_status(
    app: &App,
    issuer: &Issuer,
    author: Author,
    id: CredentialId,
    change: StatusChange,
) -> Result<Credential, Problem> {
    let mut tx = app.tenant(issuer).await?;
    let changed = tx.change_status(id, change).await?;
    // A repeated change changes nothing, and there is nothing to tell.
    if let Some(Ok(changed)) = changed
        && changed.before != changed.status
    {
        let told = Changed {
            before: json!({ "status": changed.before }),
            after: json!({ "status": changed.status }),
        };
        tx.record(&app.entry(author, Action::from(change), id, &told)).await?;
    }
    let credential = tx.credential(id).await?;
    if let Some(Ok(changed)) = changed
        && changed.before != changed.status
        && let Some(credential) = &credential
    {
        let data = || {
            json!({
                "credential_id": id, "offer_id": credential.offer,
                "configuration_id": credential.configuration_id, "status": changed.status,
            })
        };
        app.tell(issuer, &mut tx, EventType::from(change), data).await?;
    }
    // A wallet that may renew what was revoked, would have a valid one again. Of what is suspended, `refresh_token`
    // asks.
    if let Some(credential) = &credential
        && credential.status == CredentialStatus::Revoked
    {
        tx.end_family(credential.offer).await?;
    }
    tx.commit().await?;
    if let Some(Ok(changed)) = changed {
        app.witness.note();
        app.published_lists.note_change(issuer.tenant(), changed.entry.list, app.now());
    }
    changed
        .ok_or_else(Problem::not_found)?
        .map_err(|revoked| Problem::new(ProblemCode::WrongState).detail(revoked.to_string()))?;
    credential.ok_or_else(Problem::not_found)
}
