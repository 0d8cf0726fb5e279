//! `GET /offers/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::{CredentialId, OfferId};
use chancery_store::{CredentialFilter, Page};

use super::{OfferCredential, OfferDeferral, OfferView};
use crate::app::App;
use crate::caller::{Manager, Reads};
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// How many credentials one offer can have led to: ten configurations of twenty copies.
pub(crate) const MOST: Page<CredentialId> = Page { before: None, limit: 200 };

/// Show an offer and what was issued for it
#[utoipa::path(
    get, path = "/offers/{id}", tag = "Offers", params(("id" = String, Path, description = "`ofr_…`")),
    responses((status = 200, body = OfferView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["issuance:offer"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<Reads>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: OfferId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let row = tx.offer(id).await?;
    let (credentials, _) = tx.credentials(&CredentialFilter { offer: Some(id) }, &MOST).await?;
    let (deferrals, _) = tx.deferrals(None, Some(id), app.now(), &Page { before: None, limit: 100 }).await?;
    tx.commit().await?;
    let mut view = OfferView::new(row.ok_or_else(Problem::not_found)?, app.now());
    view.credentials = Some(credentials.into_iter().map(OfferCredential::from).collect());
    view.deferrals = Some(deferrals.into_iter().map(OfferDeferral::from).collect());
    Ok(no_store(Json(view)))
}
