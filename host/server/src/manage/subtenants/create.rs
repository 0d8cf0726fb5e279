//! `POST /subtenants`

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::audit::{Action, Changed};
use chancery_domain::onboarding::Channel;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::manage::{check_name, read};
use crate::operations::register_tenant::{Registered, Registration, register_tenant};
use crate::platform::tenants::TenantView;
use crate::platform::tenants::create::{
    CreatedTenant, OwnerRequest, check_email, checked_slug, register_once,
};
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// Who is to become a tenant below this one.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubtenantRequest {
    /// Names the tenant in URLs, for ever.
    slug: String,
    /// What people call the tenant; 1 to 200 characters.
    name: String,
    /// Who is to be invited to own it: nobody else gets in, you neither.
    owner: OwnerRequest,
}

/// Register a tenant below this one
///
/// You administer it, but have no part in its data: the answer holds the owner's invitation and no key.
#[utoipa::path(
    post, path = "/subtenants", tag = "Subtenants", request_body = SubtenantRequest,
    responses(
        (status = 201, body = CreatedTenant), (status = 403, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let raw = body.as_ref().map(Bytes::clone).unwrap_or_default();
    let SubtenantRequest { slug, name, owner } = read(&headers, body)?;
    let slug = checked_slug(&slug)?;
    check_name(&name)?;
    check_email(&owner.email)?;
    let tenant = &manager.issuer.tenant;
    if tenant.system || !tenant.status.may_issue() {
        let detail = "no tenant is registered below the platform's own, or below one that is closing";
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    let register = Box::pin(async {
        let made = Changed::made(json!({ "slug": slug.as_str(), "name": name }));
        let ordered = app.entry(manager.author(), Action::SubtenantOrdered, slug.as_str(), &made);
        let registration = Registration {
            slug,
            name,
            parent: Some(manager.issuer.tenant()),
            channel: Channel::Parent,
            owner: Some(owner.email),
            set_up: false,
            ordered: Some(ordered),
        };
        let Registered { tenant, key: _, invitation } =
            register_tenant(&app, manager.author(), registration).await?;
        let view = TenantView::new(&app, tenant, None);
        let invitation = invitation.map(|secret| secret.as_str().to_owned());
        Ok(CreatedTenant { view, token: None, invitation })
    });
    register_once(&app, &manager, &headers, "POST /subtenants", &raw, register).await
}
