//! `GET /offers`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use chancery_domain::OfferId;

use super::OfferView;
use crate::app::App;
use crate::caller::{Manager, Reads};
use crate::manage::{Page, PageQuery};
use crate::no_store;
use crate::problem::{Problem, ProblemCode};

/// List offers, newest first
#[utoipa::path(
    get, path = "/offers", tag = "Offers", params(PageQuery),
    responses((status = 200, body = Page<OfferView>)),
    security(("api_key" = ["issuance:offer"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Reads>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) =
        query.map_err(|rejection| Problem::new(ProblemCode::Malformed).detail(rejection.body_text()))?;
    let page = query.page::<OfferId>()?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let (rows, next) = tx.offers(&page).await?;
    tx.commit().await?;
    let next_cursor = next.map(|id| id.to_string());
    let now = app.now();
    Ok(no_store(Json(Page {
        data: rows.into_iter().map(|row| OfferView::new(row, now)).collect(),
        next_cursor,
    })))
}
