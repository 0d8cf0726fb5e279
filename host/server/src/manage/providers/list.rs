//! `GET /providers`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use super::ProviderView;
use crate::app::App;
use crate::caller::{Inspects, Manager};
use crate::manage::Page;
use crate::no_store;
use crate::problem::Problem;

/// List the OpenID Providers that holders sign in at
#[utoipa::path(
    get, path = "/providers", tag = "Providers", responses((status = 200, body = Page<ProviderView>)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
) -> Result<Response, Problem> {
    let issuer = manager.issuer.as_ref();
    let mut tx = app.tenant(issuer).await?;
    let providers = tx.providers().await?;
    tx.commit().await?;
    let data = providers.into_iter().map(|provider| ProviderView::new(provider, issuer)).collect();
    Ok(no_store(Json(Page { data, next_cursor: None })))
}
