//! `PATCH /tenants/{id}`, and what an operator may do to a tenant: approve, reject, suspend, resume, close.

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::Tenant;
use chancery_domain::audit::Author;
use chancery_domain::tenant::TenantChange;
use http::HeaderMap;
use serde::Deserialize;

use super::{TenantView, answer, find};
use crate::app::App;
use crate::caller::Operator;
use crate::manage::versions::{check_version, require_version};
use crate::manage::{check_name, present, read};
use crate::operations::administer_tenant::{Above, Decision, administer_tenant};
use crate::problem::{Problem, ProblemDocument};

/// What of a tenant changes (RFC 7396). Its slug and its parent never do.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantPatch {
    /// What people call the tenant; 1 to 200 characters.
    #[serde(default, deserialize_with = "present")]
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
    rename_tenant(&app, operator.author(), Above::Operator, tenant, &headers, body).await
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
            let tenant = find(&app, &id).await?;
            change_tenant(&app, operator.author(), Above::Operator, tenant, &headers, TenantChange::$change).await
        }
    )*};
}

changes! {
    /// Let a tenant in that waits
    approve = Approve, "/tenants/{id}/approve";
    /// Refuse a tenant that waits
    ///
    /// Its slug stays taken, as any that was given once.
    reject = Reject, "/tenants/{id}/reject";
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

/// Renames a tenant for whoever administers it.
pub(crate) async fn rename_tenant(
    app: &App,
    author: Author,
    above: Above<'_>,
    tenant: Tenant,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    require_version(headers, tenant.version)?;
    let patch: TenantPatch = read(headers, body)?;
    // What changes nothing is not told.
    let Some(name) = patch.name.filter(|name| *name != tenant.name) else { return answer(app, tenant).await };
    check_name(&name)?;
    answer(app, administer_tenant(app, author, above, tenant, Decision::Rename(name)).await?).await
}

/// Changes a tenant's status for whoever administers it.
pub(crate) async fn change_tenant(
    app: &App,
    author: Author,
    above: Above<'_>,
    tenant: Tenant,
    headers: &HeaderMap,
    change: TenantChange,
) -> Result<Response, Problem> {
    check_version(headers, tenant.version)?;
    answer(app, administer_tenant(app, author, above, tenant, Decision::Change(change)).await?).await
}
