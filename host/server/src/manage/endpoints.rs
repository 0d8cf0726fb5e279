//! `GET /public-endpoints` and `PUT /public-endpoints/{service}`: the URLs that the tenant advertises. For
//! operators below `/tenants/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_store::PublicEndpoint;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::{Page, read};
use crate::app::App;
use crate::caller::{Administers, Inspects, Manager, Operator};
use crate::no_store;
use crate::operations::bind_endpoint::{bind_endpoint, endpoints};
use crate::platform::tenants::{find, find_alive};
use crate::problem::{Problem, ProblemDocument};

/// Where a service is to be found.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointRequest {
    /// `https://` and a verified domain of the tenant, or the tenant's address at the platform.
    url: String,
}

/// A URL of one of the tenant's services.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EndpointView {
    /// `issuer`
    service: String,
    /// The URL; for the issuer it is the issuer identifier.
    url: String,
    /// Whether it is the one that is advertised. The others were, and are still served.
    primary: bool,
}

impl From<PublicEndpoint> for EndpointView {
    fn from(row: PublicEndpoint) -> Self {
        Self { service: row.service, url: row.url, primary: row.is_primary }
    }
}

/// List public endpoints
#[utoipa::path(
    get, path = "/public-endpoints", tag = "Public endpoints",
    responses((status = 200, body = Page<EndpointView>)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
) -> Result<Response, Problem> {
    Ok(shown(endpoints(&app, &manager.issuer.tenant).await?))
}

/// List a tenant's public endpoints
#[utoipa::path(
    get, path = "/tenants/{id}/public-endpoints", tag = "Public endpoints",
    params(("id" = String, Path, description = "`tnt_…`")),
    responses((status = 200, body = Page<EndpointView>), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list_of_tenant(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(shown(endpoints(&app, &find(&app, &id).await?).await?))
}

/// Bind a public endpoint
///
/// New offers and metadata name it from now on. An issuer identifier under which credentials were issued is
/// served for as long as the tenant exists.
#[utoipa::path(
    put, path = "/public-endpoints/{service}", tag = "Public endpoints", request_body = EndpointRequest,
    params(("service" = String, Path, description = "`issuer`")),
    responses(
        (status = 200, body = Page<EndpointView>), (status = 404, body = ProblemDocument),
        (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn bind(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(service): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: EndpointRequest = read(&headers, body)?;
    let tenant = &manager.issuer.tenant;
    Ok(shown(bind_endpoint(&app, manager.author(), tenant, &service, &request.url).await?))
}

/// Bind a tenant's public endpoint
#[utoipa::path(
    put, path = "/tenants/{id}/public-endpoints/{service}", tag = "Public endpoints",
    request_body = EndpointRequest,
    params(("id" = String, Path, description = "`tnt_…`"), ("service" = String, Path, description = "`issuer`")),
    responses(
        (status = 200, body = Page<EndpointView>), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn bind_for_tenant(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((id, service)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let tenant = find_alive(&app, &id).await?;
    let request: EndpointRequest = read(&headers, body)?;
    Ok(shown(bind_endpoint(&app, operator.author(), &tenant, &service, &request.url).await?))
}

fn shown(rows: Vec<PublicEndpoint>) -> Response {
    no_store(Json(Page { data: rows.into_iter().map(EndpointView::from).collect(), next_cursor: None }))
}
