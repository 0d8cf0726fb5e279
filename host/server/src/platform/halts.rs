//! `/halts`: an operator stops issuing, of everybody or of one.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_store::By;
use http::{HeaderMap, StatusCode};

use super::tenants::find;
use crate::app::App;
use crate::caller::Operator;
use crate::manage::halts::{HaltRequest, HaltView};
use crate::manage::{Page, read};
use crate::no_store;
use crate::operations::halt_issuance::{halt_anything, lift_anything};
use crate::problem::{Problem, ProblemDocument};

/// List what operators halted
#[utoipa::path(
    get, path = "/halts", tag = "Halts", responses((status = 200, body = Page<HaltView>)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _operator: Operator) -> Result<Response, Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    let halts = tx.halts().await?;
    tx.commit().await?;
    Ok(no_store(Json(Page { data: halts.into_iter().map(HaltView::from).collect(), next_cursor: None })))
}

/// Stop issuing everywhere, at a tenant, with a plugin or with a key
///
/// In force at once, at every replica. Wallets are told to come again; nothing is signed, and their codes stay good.
#[utoipa::path(
    post, path = "/halts", tag = "Halts", request_body = HaltRequest,
    responses((status = 201, body = HaltView), (status = 422, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn order(
    State(app): State<Arc<App>>,
    operator: Operator,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: HaltRequest = read(&headers, body)?;
    let tenant = match request.tenant() {
        Some(id) => {
            let unknown = |_| Problem::invalid_at("/tenant", "tenant", "there is no tenant of that id");
            Some(find(&app, id).await.map_err(unknown)?.id)
        }
        None => None,
    };
    let halt = halt_anything(&app, operator.author(), request.by_operator(tenant)?).await?;
    Ok(no_store((StatusCode::CREATED, Json(HaltView::from(halt)))))
}

/// Lift a halt that an operator ordered
#[utoipa::path(
    delete, path = "/halts/{id}", tag = "Halts", params(("id" = String, Path, description = "`hlt_…`")),
    responses((status = 204), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn lift(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    lift_anything(&app, operator.author(), id).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}
