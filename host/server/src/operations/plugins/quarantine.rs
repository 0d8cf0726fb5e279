//! An operator forbids a plugin to everybody, at once, whoever activated it; or permits it again.

use chancery_domain::audit::{Action, Author, Changed};
use chancery_store::By;
use serde_json::{Value, json};

use crate::app::App;
use crate::problem::Problem;

/// Forbids the plugin, wherever it stands. The statement that permits a signature looks it up every time, so what
/// another replica still holds issues nothing.
pub(crate) async fn quarantine_plugin(
    app: &App,
    author: Author,
    digest: &[u8; 32],
    reason: &str,
) -> Result<(), Problem> {
    let changed = Changed::made(json!({ "reason": reason }));
    change(app, author, digest, (true, Action::PluginQuarantined, changed)).await?;
    tracing::warn!(plugin = hex::encode(digest), reason, "a plugin is quarantined");
    Ok(())
}

/// Permits it again.
pub(crate) async fn release_plugin(app: &App, author: Author, digest: &[u8; 32]) -> Result<(), Problem> {
    let changed = Changed { before: json!({ "quarantined": true }), after: Value::Null };
    change(app, author, digest, (false, Action::PluginReleased, changed)).await
}

/// There is nothing to change if nobody has the plugin, or if it is as it is to be.
async fn change(
    app: &App,
    author: Author,
    digest: &[u8; 32],
    (forbidden, action, changed): (bool, Action, Changed),
) -> Result<(), Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    if !tx.quarantine(digest, forbidden).await? {
        tx.rollback().await?;
        return Err(Problem::not_found());
    }
    tx.record(&app.entry(author, action, hex::encode(digest), &changed)).await?;
    tx.announce_change_of_all().await?;
    tx.commit().await?;
    app.tenants.workshop.templates.forget(digest);
    app.tenants.forget_all();
    Ok(())
}
