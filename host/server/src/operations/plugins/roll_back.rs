//! The last step under a configuration id is undone: a trial ends, or what was active before is active again.

use chancery_domain::EventType;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_store::RolledBack;
use serde_json::{Value, json};

use super::Keeper;
use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// Undoes the last step. Nothing is compared on the way back: what is returned to was there before. The host says
/// `because` of what it does so of its own accord.
pub(crate) async fn roll_back_activation(
    app: &App,
    author: Author,
    keeper: Keeper<'_>,
    configuration_id: &str,
    because: Option<&str>,
) -> Result<(), Problem> {
    let mut tx = keeper.open(app).await?;
    let known = tx.activations().await?;
    let (from, to) = match tx.roll_back(configuration_id, app.now()).await? {
        RolledBack::Trial(trial) => (Some(trial), None),
        RolledBack::To { from, to } => (Some(from), to),
        RolledBack::Nothing => (None, None),
    };
    let Some(from) = from else {
        tx.rollback().await?;
        let problem = if known.iter().any(|one| one.activation.configuration_id == configuration_id) {
            Problem::new(ProblemCode::WrongState).detail("there is nothing to go back to")
        } else {
            Problem::not_found()
        };
        return Err(problem);
    };
    let told = |component: [u8; 32]| json!({ "component": hex::encode(component) });
    let after = to.as_ref().map_or(Value::Null, |to| told(to.component));
    let data = json!({
        "configuration_id": configuration_id, "from": hex::encode(from.component),
        "to": to.map(|to| hex::encode(to.component)), "because": because,
    });
    let kind = if because.is_some() { EventType::PluginTripped } else { EventType::PluginRolledBack };
    tx.tell(app.event(kind, data)).await?;
    let changed = Changed { before: told(from.component), after };
    tx.record(&app.entry(author, Action::PluginRolledBack, configuration_id, &changed)).await?;
    tx.announce_and_commit().await?;
    keeper.forget(app);
    Ok(())
}
