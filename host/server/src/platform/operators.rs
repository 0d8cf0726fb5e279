//! Operators: who administers the deployment by an API key of the application tenant.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::ApiKeyId;
use chancery_domain::scope::Scope;
use chancery_store::ApiKey;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::app::App;
use crate::caller::Operator;
use crate::manage::api_keys::change::end;
use crate::manage::api_keys::{ApiKeyView, CreatedApiKey, checked_name, create_api_key};
use crate::manage::{Page, read};
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// Who is to administer the deployment.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperatorRequest {
    /// Who it is; 1 to 100 characters.
    name: String,
}

/// Admit an operator
#[utoipa::path(
    post, path = "/operators", tag = "Operators", request_body = OperatorRequest,
    responses((status = 201, body = CreatedApiKey), (status = 422, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn admit(
    State(app): State<Arc<App>>,
    Operator(operator): Operator,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: OperatorRequest = read(&headers, body)?;
    let name = checked_name(request.name)?;
    let (key, secret) =
        create_api_key(&app, &operator.issuer, operator.author(), name, vec![Scope::PlatformAdmin]).await?;
    Ok(no_store((StatusCode::CREATED, Json(CreatedApiKey::new(key, &secret)))))
}

/// List operators, newest first
#[utoipa::path(
    get, path = "/operators", tag = "Operators", responses((status = 200, body = Page<ApiKeyView>)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Operator(operator): Operator,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&operator.issuer).await?;
    let keys = tx.api_keys().await?;
    tx.commit().await?;
    let operators = keys.into_iter().filter(|key| is_operator(key) && key.revoked_at.is_none());
    Ok(no_store(Json(Page { data: operators.map(ApiKeyView::from).collect(), next_cursor: None })))
}

/// Dismiss an operator
///
/// The last one stays. Dismissing twice is no error.
#[utoipa::path(
    delete, path = "/operators/{id}", tag = "Operators",
    params(("id" = String, Path, description = "`key_…`")),
    responses((status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn dismiss(
    State(app): State<Arc<App>>,
    Operator(operator): Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: ApiKeyId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.tenant(&operator.issuer).await?;
    let key = tx.api_key_by_id(id).await?.filter(is_operator).ok_or_else(Problem::not_found)?;
    if key.revoked_at.is_none() {
        end(&app, operator.author(), &mut tx, &key).await?;
    }
    tx.commit().await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}

fn is_operator(key: &ApiKey) -> bool {
    key.scopes.contains(&Scope::PlatformAdmin)
}
