//! An operator installs a policy, which is asked from the next registration on, or removes one.

use chancery_domain::audit::{Action, Author, Changed};
use chancery_engine::Hook;
use chancery_store::{By, InstalledPolicy};
use serde_json::{Value, json};

use crate::app::App;
use crate::operations::plugins::Keeper;
use crate::operations::plugins::usable::check_may_be_used;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::templates::Unusable;

/// More than anybody asks one after another.
const MOST: usize = 20;

/// What somebody asks for.
pub(crate) struct Order {
    pub(crate) name: String,
    pub(crate) digest: [u8; 32],
    pub(crate) configuration: Value,
}

/// Installs the policy under its name, in the place of the one before.
pub(crate) async fn install_policy(
    app: &App,
    author: Author,
    order: Order,
) -> Result<InstalledPolicy, Problem> {
    let Order { name, digest, configuration } = order;
    let version = Keeper::Deployment.find(app, &digest).await?;
    check_may_be_used(app, Keeper::Deployment, &version, Hook::OnboardingPolicy).await?;
    let templates = &app.tenants.workshop.templates;
    let component = templates.component(&app.store, &app.engine, digest).await?;
    app.engine.policy(&component, configuration.clone()).await.map_err(Unusable::from)?;

    let new = InstalledPolicy { name, component: digest, configuration, installed_at: app.now() };
    let mut tx = app.store.platform(By::Operator).await?;
    let before = tx.policies().await?;
    let same = before.iter().find(|policy| policy.name == new.name);
    if same.is_none() && before.len() >= MOST {
        tx.rollback().await?;
        let detail = format!("there are at most {MOST} policies");
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    tx.install_policy(&new).await?;
    let changed = Changed { before: same.map_or(Value::Null, told), after: told(&new) };
    tx.record(&app.entry(author, Action::PolicyInstalled, new.name.as_str(), &changed)).await?;
    tx.commit().await?;
    Ok(new)
}

/// Asks that policy no more.
pub(crate) async fn remove_policy(app: &App, author: Author, name: &str) -> Result<(), Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    let before = tx.policies().await?.into_iter().find(|policy| policy.name == name);
    let removed = tx.remove_policy(name).await?;
    let Some(before) = before.filter(|_| removed) else {
        tx.rollback().await?;
        return Err(Problem::not_found());
    };
    let changed = Changed { before: told(&before), after: Value::Null };
    tx.record(&app.entry(author, Action::PolicyRemoved, name, &changed)).await?;
    tx.commit().await?;
    Ok(())
}

/// What the audit trail is told: never the configuration itself, which may hold what is nobody's business.
fn told(policy: &InstalledPolicy) -> Value {
    json!({ "component": hex::encode(policy.component) })
}
