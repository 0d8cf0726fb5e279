//! Somebody chooses settings, for the deployment, for a tenant or for one of its callers.

use chancery_credential::publisher::is_publisher;
use chancery_credential::x509::Anchors;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::settings::{Level, Overrides, Unfit};
use chancery_store::{By, Chore, Configuration, Configurations};
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};

/// Refuses what the level may not choose, or not so; everything that is wrong at once.
fn check(overrides: &Overrides, unfit: Vec<Unfit>) -> Result<(), Problem> {
    let issues: Vec<_> = unfit
        .into_iter()
        .map(|unfit| chancery_domain::template::Issue {
            pointer: format!("/{}", unfit.name),
            code: "setting".to_owned(),
            message: unfit.rule.to_owned(),
        })
        .chain(unreadable_certificates(overrides))
        .chain(unknown_curve(overrides))
        .collect();
    if issues.is_empty() { Ok(()) } else { Err(Problem::invalid(issues)) }
}

/// Certificates that nobody can read would be trusted by nobody, and noticed by no one.
fn unreadable_certificates(overrides: &Overrides) -> Vec<chancery_domain::template::Issue> {
    let chosen =
        [("wallet_providers", &overrides.wallet_providers), ("key_attesters", &overrides.key_attesters)];
    let unreadable = chosen.into_iter().filter_map(|(name, pem)| {
        let error = Anchors::from_pem(pem.as_ref().filter(|pem| !pem.is_empty())?).err()?;
        Some(chancery_domain::template::Issue {
            pointer: format!("/{name}"),
            code: "setting".to_owned(),
            message: format!("must be certificates in PEM: {error}"),
        })
    });
    unreadable.collect()
}

/// A text that is no point of the curve would lock everybody out who has a key.
fn unknown_curve(overrides: &Overrides) -> Option<chancery_domain::template::Issue> {
    let keys = overrides.plugin_publishers.as_ref()?;
    keys.iter().find(|key| !is_publisher(key)).map(|key| chancery_domain::template::Issue {
        pointer: "/plugin_publishers".to_owned(),
        code: "setting".to_owned(),
        message: format!("{key:?} is no Ed25519 public key; `chancery plugin keygen` makes one"),
    })
}

/// Writes a tenant's choice, or that of one of its callers, over the one that was read.
pub(crate) async fn configure_tenant(
    app: &App,
    author: Author,
    issuer: &Issuer,
    principal: Option<(Uuid, &str)>,
    all: &Configurations,
    read: &Configuration,
    chosen: &Overrides,
) -> Result<Configuration, Problem> {
    let mut unfit = chosen.unfit(if principal.is_some() { Level::Principal } else { Level::Tenant });
    unfit.extend(chosen.overruled(&read.overrides, &all.application));
    if principal.is_some() {
        unfit.extend(chosen.overruled(&read.overrides, &all.tenant.overrides));
    }
    check(chosen, unfit)?;
    let target = principal.map_or_else(|| issuer.tenant().to_string(), |(_, id)| id.to_owned());
    let mut tx = app.tenant(issuer).await?;
    if !tx.configure(principal.map(|(id, _)| id), read.version, chosen).await? {
        tx.rollback().await?;
        return Err(Problem::new(ProblemCode::PreconditionFailed));
    }
    if read.overrides.session_retention_days != chosen.session_retention_days {
        tx.due_by(Chore::Forget, app.now()).await?;
    }
    let entry = app.entry(author, Action::ConfigurationChanged, target, &changed(read, chosen));
    tx.record(&entry).await?;
    tx.commit().await?;
    app.tenants.forget(issuer.tenant());
    Ok(Configuration { overrides: chosen.clone(), version: read.version + 1 })
}

/// Writes the deployment's choice over the one that was read.
pub(crate) async fn configure_deployment(
    app: &App,
    author: Author,
    read: &Configuration,
    chosen: &Overrides,
) -> Result<Configuration, Problem> {
    check(chosen, chosen.unfit(Level::Application))?;
    let mut tx = app.store.platform(By::Operator).await?;
    if !tx.configure(read.version, chosen).await? {
        tx.rollback().await?;
        return Err(Problem::new(ProblemCode::PreconditionFailed));
    }
    let entry = app.entry(author, Action::ConfigurationChanged, "deployment", &changed(read, chosen));
    tx.record(&entry).await?;
    tx.commit().await?;
    app.tenants.forget_all();
    Ok(Configuration { overrides: chosen.clone(), version: read.version + 1 })
}

/// Only what changed; what nobody chooses any more is null.
fn changed(read: &Configuration, chosen: &Overrides) -> Changed {
    let (mut before, mut after) = (read.overrides.by_name(), chosen.by_name());
    let same: Vec<String> = before
        .iter()
        .filter(|(name, value)| after.get(*name) == Some(value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in &same {
        before.remove(name);
        after.remove(name);
    }
    for name in before.keys().cloned().collect::<Vec<_>>() {
        after.entry(name).or_insert(Value::Null);
    }
    for name in after.keys().cloned().collect::<Vec<_>>() {
        before.entry(name).or_insert(Value::Null);
    }
    Changed { before: Value::Object(before), after: Value::Object(after) }
}
