//! `POST /domains/{domain}/verify` and `DELETE /domains/{domain}`; for operators below `/tenants/{id}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use crate::app::App;
use crate::caller::{Administers, Manager, Operator};
use crate::no_store;
use crate::operations::claim_domain::{have_domain_checked, release_domain};
use crate::platform::tenants::find_alive;
use crate::problem::{Problem, ProblemDocument};

/// Have a domain looked at now
///
/// The check itself runs in the background; read the domain a moment later.
#[utoipa::path(
    post, path = "/domains/{domain}/verify", tag = "Domains",
    params(("domain" = String, Path, description = "The name")),
    responses((status = 202), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    have_domain_checked(&app, manager.author(), manager.issuer.tenant(), &name).await?;
    Ok(no_store(StatusCode::ACCEPTED))
}

/// Have a tenant's domain looked at now
#[utoipa::path(
    post, path = "/tenants/{id}/domains/{domain}/verify", tag = "Domains",
    params(
        ("id" = String, Path, description = "`tnt_…`"), ("domain" = String, Path, description = "The name"),
    ),
    responses((status = 202), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn verify_of_tenant(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    have_domain_checked(&app, operator.author(), find_alive(&app, &id).await?.id, &name).await?;
    Ok(no_store(StatusCode::ACCEPTED))
}

/// Give a domain up
///
/// Refused while a public endpoint of the tenant lies under it.
#[utoipa::path(
    delete, path = "/domains/{domain}", tag = "Domains",
    params(("domain" = String, Path, description = "The name")),
    responses(
        (status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn release(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    release_domain(&app, manager.author(), manager.issuer.tenant(), &name).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

/// Give a tenant's domain up
#[utoipa::path(
    delete, path = "/tenants/{id}/domains/{domain}", tag = "Domains",
    params(
        ("id" = String, Path, description = "`tnt_…`"), ("domain" = String, Path, description = "The name"),
    ),
    responses(
        (status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn release_of_tenant(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    release_domain(&app, operator.author(), find_alive(&app, &id).await?.id, &name).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}
