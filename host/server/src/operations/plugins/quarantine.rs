//! An operator forbids a plugin to everybody, at once, whoever activated it; or permits it again.

use chancery_domain::TenantId;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_store::By;
use serde_json::{Value, json};

use crate::app::App;
use crate::problem::Problem;

/// Forbids the plugin, wherever it stands; a self-hosted `issuer` is told of it, too, in its own trail. The statement that permits a signature looks it up every time, and so does
/// whoever asks a policy or a licence plugin: what another replica still holds decides nothing.
pub(crate) async fn quarantine_plugin(
    app: &App,
    author: Author,
    issuer: Option<TenantId>,
    digest: &[u8; 32],
    reason: &str,
) -> Result<(), Problem> {
    let changed = Changed::made(json!({ "reason": reason }));
    change(app, (author, issuer), digest, (true, Action::PluginQuarantined, changed)).await?;
    tracing::warn!(plugin = hex::encode(digest), reason, "a plugin is quarantined");
    Ok(())
}

/// Permits it again.
pub(crate) async fn release_plugin(
    app: &App,
    author: Author,
    issuer: Option<TenantId>,
    digest: &[u8; 32],
) -> Result<(), Problem> {
    let changed = Changed { before: json!({ "quarantined": true }), after: Value::Null };
    change(app, (author, issuer), digest, (false, Action::PluginReleased, changed)).await
}

/// There is nothing to change if nobody has the plugin, or if it is as it is to be.
async fn change(
    app: &App,
    (author, issuer): (Author, Option<TenantId>),
    digest: &[u8; 32],
    (forbidden, action, changed): (bool, Action, Changed),
) -> Result<(), Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    if !tx.quarantine(digest, forbidden).await? {
        tx.rollback().await?;
        return Err(Problem::not_found());
    }
    tx.record(&app.entry(author, action, hex::encode(digest), &changed)).await?;
    if forbidden {
        tx.announce_forbidden(digest).await?;
    } else {
        tx.announce_change_of_all().await?;
    }
    tx.commit().await?;
    // The deployment's trail has it by now; of a self-hosted issuer people read the other one.
    if let Some(issuer) = issuer {
        let mut tx = app.store.tenant(issuer).await?;
        tx.record(&app.entry(author, action, hex::encode(digest), &changed)).await?;
        tx.commit().await?;
    }
    app.tenants.workshop.templates.forget(digest);
    app.tenants.forget_all();
    Ok(())
}
