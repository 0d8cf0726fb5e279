//! `GET /sessions/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::OfferId;
use chancery_store::{AuditFilter, AuditTrail as _, CredentialFilter};

use super::{SessionEvent, SessionView};
use crate::app::App;
use crate::caller::{Manager, Reads};
use crate::manage::offers::OfferCredential;
use crate::manage::offers::show::MOST;
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// Show a session: what was issued, and what was done about it
#[utoipa::path(
    get, path = "/sessions/{id}", tag = "Sessions", params(("id" = String, Path, description = "`ofr_…`")),
    responses((status = 200, body = SessionView), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["issuance:offer"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    manager: Manager<Reads>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: OfferId = id.parse().map_err(|_| Problem::not_found())?;
    let told = AuditFilter { target: Some(id.to_string()), action: None };
    let mut tx = app.tenant(&manager.issuer).await?;
    let row = tx.offer(id).await?;
    let (credentials, _) = tx.credentials(&CredentialFilter { offer: Some(id) }, &MOST).await?;
    let (entries, _) = tx.audit_entries(&told, &chancery_store::Page { before: None, limit: 100 }).await?;
    tx.commit().await?;
    let row = row.ok_or_else(Problem::not_found)?;
    let mut view = SessionView::new(&manager.issuer, row, app.now());
    view.credentials = Some(credentials.into_iter().map(OfferCredential::from).collect());
    view.history = Some(entries.into_iter().map(SessionEvent::from).collect());
    Ok(no_store(Json(view)))
}
