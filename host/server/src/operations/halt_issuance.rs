//! Somebody orders that nothing is issued for now, and later that it goes on.
//!
//! The statement that permits a signature asks for halts every time, so that an order is in force at every
//! replica as soon as it is committed. What wallets have is not lost: a code that was refused meanwhile is good
//! afterwards.

use chancery_credential::keys::KeyUse;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::halt::{Halt, HaltScope};
use chancery_domain::{HaltId, TenantId, random_bytes};
use chancery_store::By;
use serde_json::Value;

use super::rotate_key::key_id;
use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};

/// An order, as somebody gives it.
pub(crate) struct Order {
    pub(crate) what: Stopped,
    pub(crate) reason: String,
}

/// What is to stop; a key goes by its thumbprint.
pub(crate) enum Stopped {
    Global,
    Tenant(TenantId),
    Plugin { component: [u8; 32], tenant: Option<TenantId> },
    Key { tenant: TenantId, kid: String },
}

/// A tenant stops something of its own.
pub(crate) async fn halt_tenants(
    app: &App,
    author: Author,
    issuer: &Issuer,
    order: Order,
) -> Result<Halt, Problem> {
    let halt = halt(app, order, false).await?;
    let mut tx = app.tenant(issuer).await?;
    tx.order_halt(&halt).await?;
    tx.record(&app.entry(author, Action::HaltOrdered, halt.id, &Changed::made(told(&halt)))).await?;
    tx.commit().await?;
    app.tenants.forget(issuer.tenant());
    Ok(halt)
}

/// An operator stops something.
pub(crate) async fn halt_anything(app: &App, author: Author, order: Order) -> Result<Halt, Problem> {
    let halt = halt(app, order, true).await?;
    let mut tx = app.store.platform(By::Operator).await?;
    tx.order_halt(&halt).await?;
    tx.record(&app.entry(author, Action::HaltOrdered, halt.id, &Changed::made(told(&halt)))).await?;
    tx.commit().await?;
    app.tenants.forget_all();
    tracing::warn!(halt = %halt.id, scope = halt.scope.as_str(), "an operator halted issuance");
    Ok(halt)
}

/// A tenant lets go on what it stopped.
pub(crate) async fn lift_tenants(
    app: &App,
    author: Author,
    issuer: &Issuer,
    id: HaltId,
) -> Result<(), Problem> {
    let mut tx = app.tenant(issuer).await?;
    let halt = found(tx.halts().await?, id)?;
    if halt.by_operator {
        let detail = "the operator of the platform ordered this halt and alone lifts it";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail));
    }
    if !tx.lift_halt(id).await? {
        return Err(Problem::not_found());
    }
    tx.record(&app.entry(author, Action::HaltLifted, id, &lifted(&halt))).await?;
    tx.commit().await?;
    app.tenants.forget(issuer.tenant());
    Ok(())
}

/// An operator lets go on what an operator stopped.
pub(crate) async fn lift_anything(app: &App, author: Author, id: HaltId) -> Result<(), Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    let halt = found(tx.halts().await?, id)?;
    if !tx.lift_halt(id).await? {
        return Err(Problem::not_found());
    }
    tx.record(&app.entry(author, Action::HaltLifted, id, &lifted(&halt))).await?;
    tx.commit().await?;
    app.tenants.forget_all();
    tracing::warn!(halt = %id, "an operator lifted a halt");
    Ok(())
}

fn found(halts: Vec<Halt>, id: HaltId) -> Result<Halt, Problem> {
    halts.into_iter().find(|halt| halt.id == id).ok_or_else(Problem::not_found)
}

async fn halt(app: &App, order: Order, by_operator: bool) -> Result<Halt, Problem> {
    let scope = match order.what {
        Stopped::Global => HaltScope::Global,
        Stopped::Tenant(tenant) => HaltScope::Tenant(tenant),
        Stopped::Plugin { component, tenant } => HaltScope::Plugin { component, tenant },
        Stopped::Key { tenant, kid } => {
            HaltScope::Key { tenant, version: version_of(app, tenant, &kid).await?, kid }
        }
    };
    let id = HaltId::new(app.now(), random_bytes(app.random.as_ref()));
    Ok(Halt { id, scope, by_operator, reason: order.reason })
}

async fn version_of(app: &App, tenant: TenantId, kid: &str) -> Result<u32, Problem> {
    let mut tx = app.store.tenant(tenant).await?;
    let keys = tx.signing_keys().await?;
    tx.commit().await?;
    let is_it = |key: &&chancery_store::StoredKey| {
        key.key_use == KeyUse::Credential.as_str() && key_id(key).as_deref() == Some(kid)
    };
    let key = keys.iter().find(is_it);
    key.map(|key| key.version)
        .ok_or_else(|| Problem::invalid_at("/kid", "unknown-key", "there is no such key"))
}

/// What the audit trail is told.
fn told(halt: &Halt) -> Value {
    let named = match &halt.scope {
        HaltScope::Plugin { component, .. } => Some(("component", hex::encode(component))),
        HaltScope::Key { kid, .. } => Some(("kid", kid.clone())),
        HaltScope::Global | HaltScope::Tenant(_) => None,
    };
    let tenant = halt.scope.tenant().map(|tenant| ("tenant", tenant.to_string()));
    let always = [("scope", halt.scope.as_str().to_owned()), ("reason", halt.reason.clone())];
    let members = always.into_iter().chain(tenant).chain(named);
    Value::Object(members.map(|(name, value)| (name.to_owned(), value.into())).collect())
}

fn lifted(halt: &Halt) -> Changed {
    Changed { before: told(halt), after: Value::Null }
}
