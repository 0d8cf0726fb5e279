//! Tenants, as their operator sees them.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod show;

use axum::Json;
use axum::response::Response;
use chancery_domain::tenant::TenantStatus;
use chancery_domain::{Tenant, TenantId};
use chancery_store::By;
use serde::Serialize;

use crate::app::App;
use crate::manage::versions::tagged;
use crate::no_store;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::load::ISSUER;

/// A tenant, without anything that is the tenant's own.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TenantView {
    /// `tnt_…`
    #[schema(value_type = String)]
    id: TenantId,
    /// Names the tenant in URLs; never issued again.
    slug: String,
    /// What people call the tenant.
    name: String,
    /// `active`, `suspended`, `closing`, `deleted`, or why it is not let in yet.
    #[schema(value_type = String)]
    status: TenantStatus,
    /// The tenant that administers it.
    #[schema(value_type = Option<String>)]
    parent: Option<TenantId>,
    /// The issuer identifier.
    issuer: String,
    /// The tenant's own management API.
    management_url: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: time::OffsetDateTime,
    /// From when on it is deleted, if that was decided.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    delete_at: Option<time::OffsetDateTime>,
}

impl TenantView {
    /// `bound` is the issuer identifier that the tenant chose, if it chose one.
    pub(crate) fn new(app: &App, tenant: Tenant, bound: Option<String>) -> Self {
        let issuer = bound.unwrap_or_else(|| app.tenants.workshop.default_identifier(&tenant.slug));
        Self {
            delete_at: tenant.delete_at,
            created_at: tenant.id.created_at(),
            id: tenant.id,
            slug: tenant.slug,
            name: tenant.name,
            status: tenant.status,
            parent: tenant.parent,
            management_url: format!("{issuer}/api"),
            issuer,
        }
    }
}

/// The tenant with its entity tag.
pub(crate) async fn answer(app: &App, tenant: Tenant) -> Result<Response, Problem> {
    let version = tenant.version;
    let mut views = describe(app, vec![tenant]).await?;
    Ok(tagged(no_store(Json(views.pop())), version))
}

/// Tenants with the issuer identifiers that they advertise.
async fn describe(app: &App, tenants: Vec<Tenant>) -> Result<Vec<TenantView>, Problem> {
    let ids: Vec<_> = tenants.iter().map(|tenant| tenant.id).collect();
    let mut tx = app.store.platform(By::Operator).await?;
    let mut bound = tx.primary_endpoints(ISSUER, &ids).await?;
    tx.commit().await?;
    Ok(tenants
        .into_iter()
        .map(|tenant| {
            let issuer = bound.remove(&tenant.id);
            TenantView::new(app, tenant, issuer)
        })
        .collect())
}

/// The same, if there is anything left of it to administer.
pub(crate) async fn find_alive(app: &App, id: &str) -> Result<Tenant, Problem> {
    let tenant = find(app, id).await?;
    if tenant.status.is_public() {
        return Ok(tenant);
    }
    let detail = format!("the tenant is {}", tenant.status.as_str());
    Err(Problem::new(ProblemCode::WrongState).detail(detail))
}

/// The tenant of that id; for a malformed one as for one that nobody has.
pub(crate) async fn find(app: &App, id: &str) -> Result<Tenant, Problem> {
    let id: TenantId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.platform(By::Operator).await?;
    let tenant = tx.tenant(id).await?;
    tx.commit().await?;
    tenant.ok_or_else(Problem::not_found)
}
