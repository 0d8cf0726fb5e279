//! `PATCH /subtenants/{id}`, and what a parent may do to a child: suspend, resume, close.

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::tenant::TenantChange;
use http::HeaderMap;

use super::child;
use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::operations::administer_tenant::Above;
use crate::platform::tenants::TenantView;
use crate::platform::tenants::change::{TenantPatch, change_tenant, rename_tenant};
use crate::problem::{Problem, ProblemDocument};

/// Rename a tenant below this one
#[utoipa::path(
    patch, path = "/subtenants/{id}", tag = "Subtenants", request_body = TenantPatch,
    params(("id" = String, Path, description = "`tnt_…`")),
    responses(
        (status = 200, body = TenantView), (status = 404, body = ProblemDocument),
        (status = 412, body = ProblemDocument), (status = 428, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn rename(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let (author, parent) = (manager.author(), &manager.issuer);
    let tenant = child(&app, parent, &id).await?;
    rename_tenant(&app, author, Above::Parent(parent), tenant, &headers, body).await
}

macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident = $change:ident, $path:literal;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, tag = "Subtenants",
            params(("id" = String, Path, description = "`tnt_…`")),
            responses(
                (status = 200, body = TenantView), (status = 404, body = ProblemDocument),
                (status = 409, body = ProblemDocument),
            ),
            security(("api_key" = ["admin"]))
        )]
        pub(crate) async fn $name(
            State(app): State<Arc<App>>,
            manager: Manager<Administers>,
            Path(id): Path<String>,
            headers: HeaderMap,
        ) -> Result<Response, Problem> {
            let (author, parent) = (manager.author(), &manager.issuer);
            let tenant = child(&app, parent, &id).await?;
            change_tenant(&app, author, Above::Parent(parent), tenant, &headers, TenantChange::$change).await
        }
    )*};
}

changes! {
    /// Suspend a tenant below this one
    ///
    /// Management and issuance refuse; nothing is lost, and verifiers find what they need.
    suspend = Suspend, "/subtenants/{id}/suspend";
    /// End a suspension
    ///
    /// One that an operator began, an operator ends.
    resume = Resume, "/subtenants/{id}/resume";
    /// Close a tenant below this one
    ///
    /// It issues no more. What it issued is honoured until it expires.
    close = Close, "/subtenants/{id}/close";
}
