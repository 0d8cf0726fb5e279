//! A version becomes what answers for a credential type, for one tenant or for all: at once, on trial for a share
//! of the offers, or in the shadow of the one that answers.

use chancery_domain::EventType;
use chancery_domain::audit::{Action, Actor, Author, Changed};
use chancery_domain::plugin::{Part, Whose};
use chancery_domain::template::Issue;
use chancery_engine::{ConfigureError, Hook, Template};
use chancery_store::{Activation, InForce, Relied, Shelved, StoreError, When};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::Keeper;
use super::keeper::KeeperTx;
use super::relied::{differences, kept};
use super::types::presumptions;
use super::usable::check_may_be_used;
use crate::app::App;
use crate::operations::bind_endpoint::endpoints;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::templates::Unusable;

/// What somebody asks for.
pub(crate) struct Order {
    pub(crate) digest: [u8; 32],
    pub(crate) configuration: Value,
    pub(crate) part: Part,
}

/// How often somebody else may be faster.
const ATTEMPTS: usize = 3;

/// Activates the version, unless that would break what was issued. What it answers from then on is decided by
/// one row; calls and offers under way finish with what they began with.
pub(crate) async fn activate_plugin(
    app: &App,
    author: Author,
    keeper: Keeper<'_>,
    order: Order,
) -> Result<InForce, Problem> {
    let version = keeper.find(app, &order.digest).await?;
    check_may_be_used(app, keeper, &version, Hook::CredentialTemplate).await?;
    let template = describe(app, &order).await?;
    if let (Keeper::Tenant(tenant), Whose::Tenant) = (keeper, version.whose)
        && app.tenants.workshop.saas
        && !matches!(author.actor, Actor::Operator(_))
    {
        let own: Vec<String> =
            endpoints(app, tenant).await?.into_iter().map(|endpoint| endpoint.url).collect();
        refuse_if_any(presumptions(template.definition(), &own))?;
    }
    let activation = Activation {
        configuration_id: template.definition().configuration_id.clone(),
        component: order.digest,
        configuration: order.configuration,
        configuration_hash: template.revision().configuration,
    };
    let mut relied = keeper.relied_on(app, &activation.configuration_id).await?;
    for _ in 0..ATTEMPTS {
        check_follows(app, &version, &template, &relied, order.part).await?;
        let tx = keeper.open(app).await?;
        match write(app, tx, (author, &version, &template), (&activation, order.part), &relied).await? {
            Ok(since) => {
                keeper.forget(app);
                let whose = if keeper.tenant().is_some() { Whose::Tenant } else { Whose::Deployment };
                return Ok(InForce { activation, part: Some(order.part), whose, since });
            }
            Err(changed) => relied = changed,
        }
    }
    let detail = "others change what is active under that configuration id at the same time; try again";
    Err(Problem::new(ProblemCode::Conflict).detail(detail))
}

/// Writes it down, if what credentials rely on is still what it was compared with; else says what it is now.
async fn write(
    app: &App,
    mut tx: KeeperTx,
    (author, version, template): (Author, &Shelved, &Template),
    (activation, part): (&Activation, Part),
    compared: &[Relied],
) -> Result<Result<OffsetDateTime, Vec<Relied>>, StoreError> {
    let (now, id) = (app.now(), &activation.configuration_id);
    let relied = tx.relied_on(id).await?;
    if relied != compared {
        tx.rollback().await?;
        return Ok(Err(relied));
    }
    tx.activate(activation, part, now).await?;
    if part != Part::Shadow {
        tx.note_definition(id, &activation.revision(), &kept(template.definition())).await?;
    }
    let active = relied.iter().find(|one| one.when == When::Now);
    let before =
        active.map_or(Value::Null, |active| json!({ "component": hex::encode(active.activation.component) }));
    let told = told(version, activation, part);
    tx.tell(app.event(EventType::PluginActivated, event_of(activation, &told))).await?;
    let changed = Changed { before, after: told };
    tx.record(&app.entry(author, Action::PluginActivated, id, &changed)).await?;
    tx.announce_and_commit().await?;
    Ok(Ok(now))
}

/// Asks the component what it issues in this configuration.
async fn describe(app: &App, order: &Order) -> Result<Template, Problem> {
    let templates = &app.tenants.workshop.templates;
    let described = templates.describe(&app.store, &app.engine, order.digest, &order.configuration).await;
    described.map_err(|error| match error {
        Unusable::Plugin(error @ (ConfigureError::Fault(_) | ConfigureError::Definition { .. })) => {
            Problem::new(ProblemCode::TemplateFailed).detail(error.to_string()).because(error)
        }
        error => error.into(),
    })
}

/// A version takes the place of an earlier one of the same plugin, and of no other plugin; and it keeps what
/// credentials that were issued rely on, whatever became of the versions that made them. In the shadow it may be as it
/// likes: nobody sees what it answers.
async fn check_follows(
    app: &App,
    version: &Shelved,
    template: &Template,
    relied: &[Relied],
    part: Part,
) -> Result<(), Problem> {
    let wrong = |detail: &str| Err(Problem::new(ProblemCode::WrongState).detail(detail));
    match relied.iter().find(|one| one.when == When::Now) {
        Some(active) if part != Part::Active && active.activation.revision() == template.revision() => {
            return wrong("that very revision is the active one");
        }
        Some(active) if active.plugin != version.name => {
            let detail = format!(
                "{} is what the plugin {} issues; deactivate that first, or choose another configuration id",
                active.activation.configuration_id, active.plugin
            );
            return Err(Problem::new(ProblemCode::Conflict).detail(detail));
        }
        None if part != Part::Active => {
            return wrong("nothing is active under that configuration id that a trial could stand beside");
        }
        _ => {}
    }
    if part == Part::Shadow {
        return Ok(());
    }
    let with = (&app.store, &app.engine, &app.tenants.workshop.templates);
    let issues = differences(with, relied, template.definition()).await?;
    if issues.is_empty() { Ok(()) } else { Err(Problem::new(ProblemCode::Incompatible).with_errors(issues)) }
}

fn refuse_if_any(issues: Vec<Issue>) -> Result<(), Problem> {
    if issues.is_empty() { Ok(()) } else { Err(Problem::invalid(issues)) }
}

/// What webhooks are told: the same, and what it answers for.
fn event_of(activation: &Activation, told: &Value) -> Value {
    let mut data = told.clone();
    if let Some(members) = data.as_object_mut() {
        members.insert("configuration_id".to_owned(), activation.configuration_id.as_str().into());
    }
    data
}

/// What the audit trail is told: never the configuration itself, which may hold what is nobody's business.
fn told(version: &Shelved, activation: &Activation, part: Part) -> Value {
    let mut told = json!({
        "plugin": format!("{} {}", version.name, version.version),
        "component": hex::encode(activation.component),
        "configuration": hex::encode(activation.configuration_hash),
        "part": part.as_str(),
    });
    if let (Some(share), Some(members)) = (part.share(), told.as_object_mut()) {
        members.insert("share".to_owned(), share.into());
    }
    told
}
