//! A tenant is renamed, suspended, resumed or closed from above: by an operator, or by its parent's administrators.

use chancery_domain::Tenant;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::tenant::{Administrator, TenantChange, TenantStatus};
use chancery_store::By;
use serde_json::json;

use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};

/// Who decides.
#[derive(Clone, Copy)]
pub(crate) enum Above<'a> {
    /// Whoever operates the deployment.
    Operator,
    /// The tenant's parent.
    Parent(&'a Issuer),
}

/// What is decided upon.
pub(crate) enum Decision {
    Rename(String),
    Change(TenantChange),
}

/// Carries a decision out, over the version that was read; the tenant as it is now.
pub(crate) async fn administer_tenant(
    app: &App,
    author: Author,
    above: Above<'_>,
    read: Tenant,
    decision: Decision,
) -> Result<Tenant, Problem> {
    let (by, administrator) = match above {
        Above::Operator => (By::Operator, Administrator::Operator),
        Above::Parent(parent) => (By::Parent(parent.tenant()), Administrator::Parent),
    };
    let Effect { name, status, suspended_by, action, changed } = match decision {
        Decision::Rename(name) => renamed(&read, name)?,
        Decision::Change(change) => changed(app, by, administrator, &read, change).await?,
    };
    // A parent's own trail tells what its people ordered, if it comes to pass: it is committed right after.
    let parents = match above {
        Above::Operator => None,
        Above::Parent(parent) => {
            let mut tx = app.tenant(parent).await?;
            tx.record(&app.entry(author, Action::SubtenantChangeOrdered, read.id, &changed)).await?;
            Some(tx)
        }
    };
    let mut tx = app.store.platform(by).await?;
    let Some(version) = tx.change_tenant(&read, &name, status, suspended_by).await? else {
        tx.rollback().await?;
        if let Some(parents) = parents {
            parents.rollback().await?;
        }
        return Err(Problem::new(ProblemCode::PreconditionFailed));
    };
    if matches!(action, Action::TenantApproved | Action::TenantRejected) {
        tx.settle_registration(read.id).await?;
    }
    tx.record(&app.entry(author, action, read.id, &changed)).await?;
    tx.commit().await?;
    if let Some(parents) = parents {
        parents.commit().await?;
    }
    app.tenants.forget(read.id);
    Ok(Tenant { name, status, version, ..read })
}

/// What a decision comes to.
struct Effect {
    name: String,
    status: TenantStatus,
    suspended_by: Option<Administrator>,
    action: Action,
    changed: Changed,
}

fn renamed(read: &Tenant, name: String) -> Result<Effect, Problem> {
    if read.status == TenantStatus::Deleted {
        return Err(wrong_state("the tenant is deleted"));
    }
    let changed = Changed { before: json!({ "name": read.name }), after: json!({ "name": name }) };
    Ok(Effect { name, status: read.status, suspended_by: None, action: Action::TenantRenamed, changed })
}

/// An operator stands above a parent: makes the parent's suspension their own, which the parent does not end, and
/// ends it, too. A parent ends its own, never an operator's.
async fn changed(
    app: &App,
    by: By,
    administrator: Administrator,
    read: &Tenant,
    change: TenantChange,
) -> Result<Effect, Problem> {
    let is_parents = async || {
        let mut tx = app.store.platform(by).await?;
        let is_parents = tx.is_suspended_by_parent(read.id).await?;
        tx.commit().await?;
        Ok::<_, Problem>(is_parents)
    };
    let (status, changed) = match (administrator, change, read.status) {
        (Administrator::Operator, TenantChange::Suspend, TenantStatus::Suspended) if is_parents().await? => {
            let said = |by: Administrator| json!({ "status": read.status, "suspended_by": by.as_str() });
            let (before, after) = (said(Administrator::Parent), said(Administrator::Operator));
            (read.status, Changed { before, after })
        }
        (Administrator::Parent, TenantChange::Resume, TenantStatus::Suspended) if !is_parents().await? => {
            return Err(wrong_state(
                "the operator of the platform suspended this tenant and alone resumes it",
            ));
        }
        _ => {
            let status = read.status.after(change).map_err(|error| wrong_state(error.to_string()))?;
            (status, Changed { before: json!({ "status": read.status }), after: json!({ "status": status }) })
        }
    };
    let suspended_by = (change == TenantChange::Suspend).then_some(administrator);
    Ok(Effect { name: read.name.clone(), status, suspended_by, action: Action::from(change), changed })
}

fn wrong_state(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::WrongState).detail(detail)
}
