//! `GET /keys`, and `GET /tenants/{id}/keys` for operators

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::TenantId;

use super::KeyView;
use crate::app::App;
use crate::caller::{Manager, Operator, SeesKeys};
use crate::manage::Page;
use crate::no_store;
use crate::platform::tenants::find;
use crate::problem::{Problem, ProblemDocument};

/// List signing keys, the newest first
#[utoipa::path(
    get, path = "/keys", tag = "Keys",
    responses((status = 200, body = Page<KeyView>)),
    security(("api_key" = ["keys:manage"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<SeesKeys>,
) -> Result<Response, Problem> {
    keys(&app, manager.issuer.tenant()).await
}

/// List a tenant's signing keys, the newest first
#[utoipa::path(
    get, path = "/tenants/{id}/keys", tag = "Keys", params(("id" = String, Path, description = "`tnt_…`")),
    responses((status = 200, body = Page<KeyView>), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list_of_tenant(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    keys(&app, find(&app, &id).await?.id).await
}

async fn keys(app: &App, tenant: TenantId) -> Result<Response, Problem> {
    let mut tx = app.store.tenant(tenant).await?;
    let keys = tx.signing_keys().await?;
    tx.commit().await?;
    Ok(no_store(Json(Page { data: keys.into_iter().map(KeyView::from).collect(), next_cursor: None })))
}
