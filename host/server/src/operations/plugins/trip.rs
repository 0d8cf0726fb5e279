//! A plugin that fails too often is taken from where it does: what it took the place of comes back or, where it
//! has been active for long or took nobody's place, it is halted there until somebody lifts that.

use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::halt::{Halt, HaltScope};
use chancery_domain::plugin::{Part, Whose};
use chancery_domain::{EventType, HaltId, Tenant, random_bytes};
use chancery_store::InForce;
use serde_json::json;
use time::Duration;

use super::Keeper;
use super::roll_back::{Step, roll_back_activation};
use crate::app::App;
use crate::problem::Problem;
use crate::tallies::Tripped;

/// What failed for longer than this was not brought by its activation: going back would lead to another unknown.
const NEW_FOR: Duration = Duration::hours(24);

/// Takes it from there, if it is still there.
pub(crate) async fn trip_breaker(app: &App, tripped: Tripped) -> Result<(), Problem> {
    let Some(tenant) = app.store.directory().tenant(tripped.tenant).await? else { return Ok(()) };
    let keeper = Keeper::Tenant(&tenant);
    let in_force = keeper.activations(app).await?;
    let Some(failing) = in_force.iter().find(|one| is_failing(one, &tripped)) else { return Ok(()) };
    let plugin = hex::encode(tripped.revision.component);
    tracing::warn!(tenant = %tenant.id, plugin, reason = tripped.reason, "a plugin is taken from where it fails");
    metrics::counter!("chancery_plugin_breakers_total").increment(1);
    let is_trial = failing.part != Some(Part::Active);
    let is_new = app.now() - failing.since < NEW_FOR;
    if failing.whose == Whose::Tenant && (is_trial || is_new) {
        let (id, step) = (&tripped.configuration_id, Step::Of(tripped.revision, &tripped.reason));
        // If there is no way back, it is halted.
        if roll_back_activation(app, Author::HOST, keeper, id, step).await.is_ok() {
            return Ok(());
        }
    }
    halt_there(app, &tenant, &tripped).await
}

fn is_failing(one: &InForce, tripped: &Tripped) -> bool {
    one.activation.revision() == tripped.revision
        && one.activation.configuration_id == tripped.configuration_id
        && one.part.is_some_and(|part| part != Part::Shadow)
}

async fn halt_there(app: &App, tenant: &Tenant, tripped: &Tripped) -> Result<(), Problem> {
    let component = tripped.revision.component;
    let scope = HaltScope::Plugin { component, tenant: Some(tenant.id) };
    let mut tx = app.store.tenant(tenant.id).await?;
    // Another replica that saw it fail, too, halts it once.
    tx.hold_activations(&tripped.configuration_id).await?;
    if tx.halts().await?.iter().any(|halt| halt.scope == scope) {
        return Ok(tx.commit().await?);
    }
    let id = HaltId::new(app.now(), random_bytes(app.random.as_ref()));
    let halt = Halt { id, scope, by_operator: false, reason: format!("circuit breaker: {}", tripped.reason) };
    tx.order_halt(&halt).await?;
    let told = json!({
        "scope": halt.scope.as_str(), "reason": halt.reason, "component": hex::encode(component)
    });
    let data = json!({
        "configuration_id": tripped.configuration_id, "from": hex::encode(component), "to": null,
        "because": tripped.reason, "halt_id": halt.id,
    });
    tx.tell(&[app.event(EventType::PluginTripped, data)]).await?;
    tx.record(&app.entry(Author::HOST, Action::HaltOrdered, halt.id, &Changed::made(told))).await?;
    tx.commit().await?;
    app.tenants.forget(tenant.id);
    Ok(())
}
