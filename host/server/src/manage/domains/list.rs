//! `GET /domains` and `GET /domains/{domain}`; for operators below `/tenants/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::TenantId;
use chancery_store::Domain;

use super::DomainView;
use crate::app::App;
use crate::caller::{Inspects, Manager, Operator};
use crate::manage::Page;
use crate::no_store;
use crate::platform::tenants::find;
use crate::problem::{Problem, ProblemDocument};

/// List domains
#[utoipa::path(
    get, path = "/domains", tag = "Domains", responses((status = 200, body = Page<DomainView>)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
) -> Result<Response, Problem> {
    all(&app, manager.issuer.tenant()).await
}

/// List a tenant's domains
#[utoipa::path(
    get, path = "/tenants/{id}/domains", tag = "Domains",
    params(("id" = String, Path, description = "`tnt_…`")),
    responses((status = 200, body = Page<DomainView>), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list_of_tenant(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    all(&app, find(&app, &id).await?.id).await
}

/// Show a domain
#[utoipa::path(
    get, path = "/domains/{domain}", tag = "Domains", params(("domain" = String, Path, description = "The name")),
    responses((status = 200, body = DomainView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    one(&app, manager.issuer.tenant(), &name).await
}

/// Show a tenant's domain
#[utoipa::path(
    get, path = "/tenants/{id}/domains/{domain}", tag = "Domains",
    params(
        ("id" = String, Path, description = "`tnt_…`"), ("domain" = String, Path, description = "The name"),
    ),
    responses((status = 200, body = DomainView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn show_of_tenant(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    one(&app, find(&app, &id).await?.id, &name).await
}

async fn all(app: &App, tenant: TenantId) -> Result<Response, Problem> {
    let data = domains(app, tenant).await?.into_iter().map(DomainView::from).collect();
    Ok(no_store(Json(Page { data, next_cursor: None })))
}

async fn one(app: &App, tenant: TenantId, name: &str) -> Result<Response, Problem> {
    let row = domains(app, tenant).await?.into_iter().find(|row| row.domain == name);
    Ok(no_store(Json(DomainView::from(row.ok_or_else(Problem::not_found)?))))
}

async fn domains(app: &App, tenant: TenantId) -> Result<Vec<Domain>, Problem> {
    let mut tx = app.store.tenant(tenant).await?;
    let rows = tx.domains().await?;
    tx.commit().await?;
    Ok(rows)
}
