//! `PATCH /tenants/{id}`, and what an operator may do to a tenant: suspend, resume, close.

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::tenant::{TenantChange, TenantStatus};
use chancery_domain::{AuditEntry, Tenant};
use chancery_store::By;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;

use super::{TenantView, answer, find};
use crate::app::App;
use crate::caller::Operator;
use crate::manage::versions::{check_version, require_version};
use crate::manage::{check_name, read};
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// What of a tenant changes (RFC 7396). Its slug and its parent never do.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantPatch {
    /// What people call the tenant; 1 to 200 characters.
    #[serde(default)]
    name: Option<String>,
}

/// Rename a tenant
#[utoipa::path(
    patch, path = "/tenants/{id}", tag = "Tenants", request_body = TenantPatch,
    params(("id" = String, Path, description = "`tnt_…`")),
    responses(
        (status = 200, body = TenantView), (status = 404, body = ProblemDocument),
        (status = 412, body = ProblemDocument), (status = 428, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn rename(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let tenant = find(&app, &id).await?;
    require_version(&headers, tenant.version)?;
    let patch: TenantPatch = read(&headers, body)?;
    let name = patch.name.unwrap_or_else(|| tenant.name.clone());
    check_name(&name)?;
    if tenant.status == TenantStatus::Deleted {
        return Err(Problem::new(ProblemCode::WrongState).detail("the tenant is deleted"));
    }
    let status = tenant.status;
    let changed = Changed { before: json!({ "name": tenant.name }), after: json!({ "name": name }) };
    let entry = app.entry(operator.author(), Action::TenantRenamed, tenant.id, &changed);
    write(&app, tenant, name, status, &entry).await
}

macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident = $change:ident, $path:literal;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, tag = "Tenants",
            params(("id" = String, Path, description = "`tnt_…`")),
            responses(
                (status = 200, body = TenantView), (status = 404, body = ProblemDocument),
                (status = 409, body = ProblemDocument),
            ),
            security(("api_key" = ["platform-admin"]))
        )]
        pub(crate) async fn $name(
            State(app): State<Arc<App>>,
            operator: Operator,
            Path(id): Path<String>,
            headers: HeaderMap,
        ) -> Result<Response, Problem> {
            change(&app, operator.author(), &id, &headers, TenantChange::$change).await
        }
    )*};
}

changes! {
    /// Suspend a tenant
    ///
    /// Management and issuance refuse; nothing is lost, and verifiers find what they need.
    suspend = Suspend, "/tenants/{id}/suspend";
    /// End a suspension
    resume = Resume, "/tenants/{id}/resume";
    /// Close a tenant
    ///
    /// It issues no more. What it issued is honoured until it expires.
    close = Close, "/tenants/{id}/close";
}

async fn change(
    app: &App,
    author: Author,
    id: &str,
    headers: &HeaderMap,
    change: TenantChange,
) -> Result<Response, Problem> {
    let tenant = find(app, id).await?;
    check_version(headers, tenant.version)?;
    let status = tenant
        .status
        .after(change)
        .map_err(|error| Problem::new(ProblemCode::WrongState).detail(error.to_string()))?;
    let name = tenant.name.clone();
    let changed = Changed { before: json!({ "status": tenant.status }), after: json!({ "status": status }) };
    let entry = app.entry(author, Action::from(change), tenant.id, &changed);
    write(app, tenant, name, status, &entry).await
}

async fn write(
    app: &App,
    read: Tenant,
    name: String,
    status: TenantStatus,
    entry: &AuditEntry,
) -> Result<Response, Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    let Some(version) = tx.change_tenant(&read, &name, status).await? else {
        tx.rollback().await?;
        return Err(Problem::new(ProblemCode::PreconditionFailed));
    };
    tx.record(entry).await?;
    tx.commit().await?;
    app.tenants.forget(read.id);
    answer(app, Tenant { name, status, version, ..read }).await
}
