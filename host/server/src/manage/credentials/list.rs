//! `GET /credentials`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use chancery_domain::{CredentialId, OfferId};
use chancery_store::CredentialFilter;

use super::CredentialView;
use crate::app::App;
use crate::caller::{Manager, Reads};
use crate::manage::{Page, PageQuery};
use crate::no_store;
use crate::problem::{Problem, ProblemCode};

/// List issued credentials, newest first
#[utoipa::path(
    get, path = "/credentials", tag = "Credentials", params(PageQuery),
    responses((status = 200, body = Page<CredentialView>)),
    security(("api_key" = ["issuance:offer"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Reads>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) =
        query.map_err(|rejection| Problem::new(ProblemCode::Malformed).detail(rejection.body_text()))?;
    let page = query.page::<CredentialId>()?;
    let offer: Option<OfferId> = match &query.offer {
        Some(offer) => Some(offer.parse().map_err(|_| Problem::not_found())?),
        None => None,
    };
    let mut tx = app.tenant(&manager.issuer).await?;
    if let Some(offer) = offer
        && tx.offer(offer).await?.is_none()
    {
        tx.commit().await?;
        return Err(Problem::not_found());
    }
    let (rows, next) = tx.credentials(&CredentialFilter { offer }, &page).await?;
    tx.commit().await?;
    let next_cursor = next.map(|id| id.to_string());
    Ok(no_store(Json(Page { data: rows.into_iter().map(CredentialView::from).collect(), next_cursor })))
}
