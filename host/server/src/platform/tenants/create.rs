//! `POST /tenants`

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::onboarding::Channel;
use chancery_domain::{Slug, TenantId};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::TenantView;
use crate::app::App;
use crate::caller::{Manager, May, Operator};
use crate::manage::idempotency::Idempotent;
use crate::manage::versions::tagged;
use crate::manage::{check_name, read};
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
    /// Who is to be invited to own it.
    #[serde(default)]
    owner: Option<OwnerRequest>,
}

/// Who is to own a tenant.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnerRequest {
    /// Where you will send the invitation; kept sealed.
    pub(crate) email: String,
}

/// A new tenant, with what its owner needs to get in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CreatedTenant {
    #[serde(flatten)]
    pub(crate) view: TenantView,
    /// An API key that may do everything in the tenant, for the operator who sets it up; it appears only here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// The invitation of the owner that was named, good once within 72 hours, to be sent to
    /// `{management_url}/invitations/accept`; it appears only here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invitation: Option<String>,
}

/// Register a tenant
///
/// Whatever is registered exists with all that it begins with, or not at all. A slug that is taken, or was
/// once, is refused. Where a policy wants somebody to look first, the tenant is `pending-approval` or
/// `pending-verification`: nothing of it is there for anybody until it is approved.
#[utoipa::path(
    post, path = "/tenants", tag = "Tenants", request_body = TenantRequest,
    responses(
        (status = 201, body = CreatedTenant), (status = 403, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
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
    let register = Box::pin(async {
        let Registered { tenant, key, invitation } = register_tenant(&app, author, checked(request)?).await?;
        let view = TenantView::new(&app, tenant, None);
        let invitation = invitation.map(|secret| secret.as_str().to_owned());
        Ok(CreatedTenant { view, token: key.map(|key| key.as_str().to_owned()), invitation })
    });
    register_once(&app, &operator, &headers, "POST /tenants", &raw, register).await
}

/// Registers a tenant, or answers as before where the request says that it comes again.
pub(crate) async fn register_once<M: May>(
    app: &App,
    manager: &Manager<M>,
    headers: &HeaderMap,
    route: &str,
    raw: &[u8],
    register: impl Future<Output = Result<CreatedTenant, Problem>>,
) -> Result<Response, Problem> {
    let issuer = &manager.issuer;
    let idempotent = Idempotent::from_request(headers, manager, route, raw)?;
    if let Some(idempotent) = &idempotent {
        let mut tx = app.tenant(issuer).await?;
        let answer = idempotent.recall(issuer, manager, &mut tx, app.now()).await?;
        tx.commit().await?;
        if let Some(answer) = answer {
            return Ok(created(answer));
        }
    }
    let answer = serde_json::to_vec(&register.await?)
        .map_err(|error| Problem::new(ProblemCode::Internal).because(error))?;
    if let Some(idempotent) = &idempotent {
        // Of two equal requests at once, the slug lets one through; its answer is the one that is kept.
        let mut tx = app.tenant(issuer).await?;
        idempotent.keep(app, issuer, manager, &mut tx, &answer).await?;
        tx.commit().await?;
    }
    Ok(created(answer))
}

fn checked(request: TenantRequest) -> Result<Registration, Problem> {
    let slug = checked_slug(&request.slug)?;
    check_name(&request.name)?;
    let parent = request.parent.map(|id| id.parse::<TenantId>()).transpose();
    let parent = parent
        .map_err(|_| Problem::invalid_at("/parent", "parent", "there is no active tenant of that id"))?;
    let owner = request.owner.map(|owner| owner.email);
    owner.as_deref().map(check_email).transpose()?;
    Ok(Registration {
        slug,
        name: request.name,
        parent,
        channel: Channel::Operator,
        owner,
        set_up: true,
        ordered: None,
    })
}

/// A slug that names nobody yet, as far as its form says.
pub(crate) fn checked_slug(text: &str) -> Result<Slug, Problem> {
    Slug::parse(text).map_err(|error| Problem::invalid_at("/slug", "slug", error.to_string()))
}

/// Refuses an owner's address that no message reaches.
pub(crate) fn check_email(text: &str) -> Result<(), Problem> {
    if is_email(text) {
        return Ok(());
    }
    Err(Problem::invalid_at("/owner/email", "email", "this is no e-mail address"))
}

/// Whether a message could be sent there: whoever reads it proves the rest.
fn is_email(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && text.len() <= 254
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn created(answer: Vec<u8>) -> Response {
    tagged(no_store((StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], answer)), 1)
}
