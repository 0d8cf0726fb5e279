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
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;

use crate::app::App;
use crate::no_store;
use crate::problem::{Problem, ProblemCode};

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
    fn new(app: &App, tenant: Tenant) -> Self {
        let issuer = app.tenants.workshop.identifier(&tenant.slug);
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
fn answer(app: &App, tenant: Tenant) -> Response {
    let tag = entity_tag(tenant.version);
    let mut response = no_store(Json(TenantView::new(app, tenant)));
    response.headers_mut().insert(header::ETAG, tag);
    response
}

fn entity_tag(version: u32) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// `If-Match`, where the request has one (RFC 9110 §13.1.1); `*` fits whatever exists.
fn check_version(headers: &HeaderMap, tenant: &Tenant) -> Result<(), Problem> {
    use headers::{ETag, HeaderMapExt as _, IfMatch};
    let malformed = || Problem::new(ProblemCode::Malformed).detail("If-Match is not a list of entity tags");
    let Some(asked) = headers.typed_try_get::<IfMatch>().map_err(|_| malformed())? else { return Ok(()) };
    let current: ETag = format!("\"{}\"", tenant.version).parse().map_err(|_| malformed())?;
    if asked.precondition_passes(&current) {
        Ok(())
    } else {
        Err(Problem::new(ProblemCode::PreconditionFailed))
    }
}

/// The tenant of that id; for a malformed one as for one that nobody has.
pub(crate) async fn find(app: &App, id: &str) -> Result<Tenant, Problem> {
    let id: TenantId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.platform(chancery_store::By::Operator).await?;
    let tenant = tx.tenant(id).await?;
    tx.commit().await?;
    tenant.ok_or_else(Problem::not_found)
}
