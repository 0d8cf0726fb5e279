//! `POST /tenants`

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::{Slug, TenantId};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::{TenantView, entity_tag};
use crate::app::App;
use crate::caller::Operator;
use crate::manage::idempotency::Idempotent;
use crate::manage::{is_name, read};
use crate::no_store;
use crate::operations::register_tenant::{Registered, Registration, register_tenant};
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// Who is to become a tenant.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantRequest {
    /// Names the tenant in URLs, for ever.
    slug: String,
    /// What people call the tenant; 1 to 200 characters.
    name: String,
    /// The tenant that is to administer it.
    #[serde(default)]
    parent: Option<String>,
}

/// A new tenant, with what its first manager needs to get in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CreatedTenant {
    #[serde(flatten)]
    view: TenantView,
    /// An API key of its owner; it appears only here.
    token: String,
}

/// Register a tenant
///
/// Whatever is registered exists with all that it begins with, or not at all. A slug that is taken, or was
/// once, is refused.
#[utoipa::path(
    post, path = "/tenants", tag = "Tenants", request_body = TenantRequest,
    responses(
        (status = 201, body = CreatedTenant), (status = 409, body = ProblemDocument),
        (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    operator: Operator,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let (author, Operator(operator)) = (operator.author(), operator);
    let raw = body.as_ref().map(Bytes::clone).unwrap_or_default();
    let request: TenantRequest = read(&headers, body)?;
    let application = operator.issuer.clone();
    let idempotent = Idempotent::from_request(&headers, &operator, "POST /tenants", &raw)?;
    if let Some(idempotent) = &idempotent {
        let mut tx = app.tenant(&application).await?;
        let answer = idempotent.recall(&application, &operator, &mut tx, app.now()).await?;
        tx.commit().await?;
        if let Some(answer) = answer {
            return Ok(created(answer));
        }
    }
    let Registered { tenant, key } = register_tenant(&app, author, checked(request)?).await?;
    let registered = CreatedTenant { view: TenantView::new(&app, tenant), token: key.as_str().to_owned() };
    let answer = serde_json::to_vec(&registered)
        .map_err(|error| Problem::new(ProblemCode::Internal).because(error))?;
    if let Some(idempotent) = &idempotent {
        // Of two equal requests at once, the slug lets one through; its answer is the one that is kept.
        let mut tx = app.tenant(&application).await?;
        idempotent.keep(&app, &application, &operator, &mut tx, &answer).await?;
        tx.commit().await?;
    }
    Ok(created(answer))
}

fn checked(request: TenantRequest) -> Result<Registration, Problem> {
    let slug = Slug::parse(&request.slug)
        .map_err(|error| Problem::invalid_at("/slug", "slug", error.to_string()))?;
    if !is_name(&request.name) {
        return Err(Problem::invalid_at(
            "/name",
            "length",
            "a name has 1 to 200 characters, none of them invisible",
        ));
    }
    let parent = request.parent.map(|id| id.parse::<TenantId>()).transpose();
    let parent = parent
        .map_err(|_| Problem::invalid_at("/parent", "parent", "there is no active tenant of that id"))?;
    Ok(Registration { slug, name: request.name, parent })
}

fn created(answer: Vec<u8>) -> Response {
    let mut response = no_store((StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], answer));
    response.headers_mut().insert(header::ETAG, entity_tag(1));
    response
}
