//! `POST /keys/{kid}/revoke`, and `POST /tenants/{id}/keys/{kid}/revoke` for operators

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::caller::{Manager, Operator, RotatesKeys};
use crate::no_store;
use crate::operations::rotate_key::revoke_and_withdraw;
use crate::platform::tenants::find;
use crate::problem::{Problem, ProblemDocument};

/// What was revoked.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RevokedByKey {
    /// How many credentials.
    revoked: u64,
}

/// Revoke all that a compromised key signed
///
/// The key is published no longer.
#[utoipa::path(
    post, path = "/keys/{kid}/revoke", tag = "Keys", params(("kid" = String, Path, description = "the thumbprint")),
    responses(
        (status = 200, body = RevokedByKey), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["keys:manage"]))
)]
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    manager: Manager<RotatesKeys>,
    Path(kid): Path<String>,
) -> Result<Response, Problem> {
    let revoked = revoke_and_withdraw(&app, manager.author(), manager.issuer.tenant(), &kid).await?;
    Ok(no_store(Json(RevokedByKey { revoked })))
}

/// Revoke all that a tenant's compromised key signed
#[utoipa::path(
    post, path = "/tenants/{id}/keys/{kid}/revoke", tag = "Keys",
    params(
        ("id" = String, Path, description = "`tnt_…`"), ("kid" = String, Path, description = "the thumbprint"),
    ),
    responses(
        (status = 200, body = RevokedByKey), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn revoke_of_tenant(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((id, kid)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let revoked = revoke_and_withdraw(&app, operator.author(), find(&app, &id).await?.id, &kid).await?;
    Ok(no_store(Json(RevokedByKey { revoked })))
}
