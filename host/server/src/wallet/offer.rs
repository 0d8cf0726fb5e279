//! The offer by reference (OpenID4VCI §4.1.3).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::app::App;
use crate::no_store;
use crate::operations::fetch_offer::fetch_offer;
use crate::refusal::Refusal;
use crate::tenants::Issuing;

/// `GET /offers/{secret}`
pub(crate) async fn fetch(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    Path(secret): Path<String>,
) -> Result<Response, Refusal> {
    let offer = fetch_offer(&app, &issuer, &secret).await?;
    Ok(no_store(Json(offer)))
}
