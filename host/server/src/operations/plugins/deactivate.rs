//! A credential type is offered no more. What was issued stays good, and what was offered is still issued.

use chancery_domain::EventType;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::plugin::Part;
use serde_json::{Value, json};

use super::Keeper;
use crate::app::App;
use crate::problem::Problem;

/// Ends the activation and every trial under that configuration id.
pub(crate) async fn deactivate_plugin(
    app: &App,
    author: Author,
    keeper: Keeper<'_>,
    configuration_id: &str,
) -> Result<(), Problem> {
    let mut tx = keeper.open(app).await?;
    tx.hold_activations(configuration_id).await?;
    let in_force = tx.activations().await?;
    let active = in_force
        .into_iter()
        .find(|one| one.part == Some(Part::Active) && one.activation.configuration_id == configuration_id);
    let Some(active) = active else {
        tx.rollback().await?;
        return Err(Problem::not_found());
    };
    tx.deactivate(&active.activation, app.now()).await?;
    let data = json!({
        "configuration_id": configuration_id, "component": hex::encode(active.activation.component),
    });
    tx.tell(app.event(EventType::PluginDeactivated, data)).await?;
    let before = json!({ "component": hex::encode(active.activation.component) });
    let changed = Changed { before, after: Value::Null };
    tx.record(&app.entry(author, Action::PluginDeactivated, configuration_id, &changed)).await?;
    tx.announce_and_commit().await?;
    keeper.forget(app);
    Ok(())
}
