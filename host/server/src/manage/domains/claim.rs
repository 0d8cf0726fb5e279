//! `POST /domains`, and `POST /tenants/{id}/domains` for operators

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::TenantId;
use chancery_domain::audit::Author;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::DomainView;
use crate::app::App;
use crate::caller::{Administers, Manager, Operator};
use crate::manage::read;
use crate::no_store;
use crate::operations::claim_domain::claim_domain;
use crate::platform::tenants::find_alive;
use crate::problem::{Problem, ProblemDocument};

/// Which domain is to lead to the tenant.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DomainRequest {
    /// Such as `credentials.acme.example`.
    domain: String,
}

/// Claim a domain
///
/// The answer says which record is to be published; it is looked for in the background, at once, then less and
/// less often. Until it is found the domain leads nowhere.
#[utoipa::path(
    post, path = "/domains", tag = "Domains", request_body = DomainRequest,
    responses(
        (status = 201, body = DomainView), (status = 403, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    obey(&app, manager.author(), manager.issuer.tenant(), &headers, body).await
}

/// Claim a domain for a tenant
#[utoipa::path(
    post, path = "/tenants/{id}/domains", tag = "Domains", request_body = DomainRequest,
    params(("id" = String, Path, description = "`tnt_…`")),
    responses(
        (status = 201, body = DomainView), (status = 403, body = ProblemDocument),
        (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn claim_for_tenant(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    obey(&app, operator.author(), find_alive(&app, &id).await?.id, &headers, body).await
}

async fn obey(
    app: &App,
    author: Author,
    tenant: TenantId,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: DomainRequest = read(headers, body)?;
    let domain = claim_domain(app, author, tenant, &request.domain).await?;
    Ok(no_store((StatusCode::CREATED, Json(DomainView::from(domain)))))
}
