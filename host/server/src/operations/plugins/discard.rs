//! A version that nobody uses is taken from its shelf, and its bytes go if they stand on no other.

use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::plugin::Whose;
use chancery_store::{By, StoreError};
use serde_json::{Value, json};

use super::Keeper;
use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// Takes a version from the keeper's own shelf.
pub(crate) async fn discard_plugin(
    app: &App,
    author: Author,
    keeper: Keeper<'_>,
    digest: &[u8; 32],
) -> Result<(), Problem> {
    let version = keeper.find(app, digest).await?;
    if keeper.tenant().is_some() && version.whose == Whose::Deployment {
        let detail = "the plugin is the deployment's; whoever operates it discards it";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail));
    }
    let mut tx = keeper.open(app).await?;
    let in_force = tx.activations().await?;
    if let Some(active) =
        in_force.iter().find(|one| one.part.is_some() && one.activation.component == *digest)
    {
        tx.rollback().await?;
        let detail = format!(
            "it is active as {}; roll that back or deactivate it first",
            active.activation.configuration_id
        );
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    if let Some(role) = installed_as(app, keeper, digest).await? {
        tx.rollback().await?;
        let detail = format!("it is installed as {role}; remove that first");
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    tx.unshelve(digest).await?;
    let before = json!({ "name": version.name, "version": version.version });
    let changed = Changed { before, after: Value::Null };
    tx.record(&app.entry(author, Action::PluginDiscarded, hex::encode(digest), &changed)).await?;
    tx.commit().await?;
    drop_bytes(app, digest).await
}

/// As what the deployment has the plugin installed, if it is the deployment's and has.
async fn installed_as(
    app: &App,
    keeper: Keeper<'_>,
    digest: &[u8; 32],
) -> Result<Option<String>, StoreError> {
    if keeper.tenant().is_some() {
        return Ok(None);
    }
    let mut tx = app.store.platform(By::Operator).await?;
    let (policies, license) = (tx.policies().await?, tx.license().await?);
    tx.commit().await?;
    let policy = policies.into_iter().find(|policy| policy.component == *digest);
    let license = license.filter(|license| license.component == *digest);
    Ok(policy
        .map(|policy| format!("the policy {}", policy.name))
        .or(license.map(|_| "what reads the licence".to_owned())))
}

/// Offers and credentials refer to what was ever active, so that stays.
pub(super) async fn drop_bytes(app: &App, digest: &[u8; 32]) -> Result<(), Problem> {
    let mut tx = app.store.platform(By::Job("drop a plugin")).await?;
    match tx.drop_component(digest).await {
        Ok(_) => {
            tx.commit().await?;
            app.tenants.workshop.templates.forget(digest);
            app.engine.forget(digest);
            Ok(())
        }
        Err(StoreError::Conflict(_)) => Ok(tx.rollback().await?),
        Err(error) => Err(error.into()),
    }
}
