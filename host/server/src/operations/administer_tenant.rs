//! A tenant is renamed, suspended, resumed or closed from above: by an operator, or by its parent's administrators.

use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::tenant::{Administrator, TenantChange, TenantStatus};
use chancery_domain::{AuditEntry, Tenant};
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
    let wrong_state = |detail: String| Problem::new(ProblemCode::WrongState).detail(detail);
    let (name, status, action, changed) = match &decision {
        Decision::Rename(_) if read.status == TenantStatus::Deleted => {
            return Err(wrong_state("the tenant is deleted".to_owned()));
        }
        Decision::Rename(name) => {
            let changed = Changed { before: json!({ "name": read.name }), after: json!({ "name": name }) };
            (name.clone(), read.status, Action::TenantRenamed, changed)
        }
        Decision::Change(change) => {
            let status = read.status.after(*change).map_err(|error| wrong_state(error.to_string()))?;
            let changed =
                Changed { before: json!({ "status": read.status }), after: json!({ "status": status }) };
            (read.name.clone(), status, Action::from(*change), changed)
        }
    };
    if let Above::Parent(parent) = above {
        if matches!(decision, Decision::Change(TenantChange::Resume)) {
            check_own_suspension(app, parent, &read).await?;
        }
        // The tenant itself is in the platform's tables; that the change was ordered is told first.
        let ordered = app.entry(author, Action::SubtenantChangeOrdered, read.id, &changed);
        tell(app, parent, &ordered).await?;
    }
    let (by, administrator) = match above {
        Above::Operator => (By::Operator, Administrator::Operator),
        Above::Parent(parent) => (By::Parent(parent.tenant()), Administrator::Parent),
    };
    let mut tx = app.store.platform(by).await?;
    let Some(version) = tx.change_tenant(&read, &name, status, administrator).await? else {
        tx.rollback().await?;
        return Err(Problem::new(ProblemCode::PreconditionFailed));
    };
    tx.record(&app.entry(author, action, read.id, &changed)).await?;
    tx.commit().await?;
    app.tenants.forget(read.id);
    Ok(Tenant { name, status, version, ..read })
}

/// A parent ends its own suspensions, never an operator's.
async fn check_own_suspension(app: &App, parent: &Issuer, read: &Tenant) -> Result<(), Problem> {
    let mut tx = app.store.platform(By::Parent(parent.tenant())).await?;
    let own = tx.is_suspended_by_parent(read.id).await?;
    tx.commit().await?;
    if own {
        return Ok(());
    }
    let detail = "the operator of the platform suspended this tenant and alone resumes it";
    Err(Problem::new(ProblemCode::WrongState).detail(detail))
}

/// Tells a parent's own trail what its people ordered.
pub(crate) async fn tell(app: &App, parent: &Issuer, entry: &AuditEntry) -> Result<(), Problem> {
    let mut tx = app.tenant(parent).await?;
    tx.record(entry).await?;
    Ok(tx.commit().await?)
}
