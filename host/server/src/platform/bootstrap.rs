//! `POST /api/bootstrap`: open until somebody was first, and never again.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use axum::{Extension, Json};
use bytes::Bytes;
use chancery_domain::RequestId;
use chancery_domain::audit::{Actor, Author};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::manage::{check_name, read};
use crate::no_store;
use crate::operations::found_platform::found_platform;
use crate::problem::Problem;

/// What the platform is to be called.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BootstrapRequest {
    /// 1 to 200 characters.
    #[serde(default = "unnamed")]
    name: String,
}

fn unnamed() -> String {
    "Platform".to_owned()
}

/// The first operator's way in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Bootstrapped {
    /// The platform-admin API.
    management_url: String,
    /// The key of the first operator; it appears only here.
    token: String,
}

/// Claim the deployment
///
/// Afterwards there is nothing here, as if there never had been.
#[utoipa::path(
    post, path = "/bootstrap", tag = "Bootstrap", request_body = BootstrapRequest,
    responses((status = 201, body = Bootstrapped)),
)]
pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    // Closed is closed, whatever is asked; the row decides among those who come while it is open.
    if app.store.directory().application_tenant().await?.is_some() {
        return Err(Problem::not_found());
    }
    let request: BootstrapRequest = match &body {
        Ok(bytes) if bytes.is_empty() => BootstrapRequest { name: unnamed() },
        _ => read(&headers, body)?,
    };
    check_name(&request.name)?;
    let author = Author { actor: Actor::Host, request: Some(request_id) };
    let key = found_platform(&app, author, &request.name).await?.ok_or_else(Problem::not_found)?;
    tracing::info!("the deployment was claimed");
    let claimed = Bootstrapped {
        management_url: format!("{}/platform-admin", app.platform_api()),
        token: key.as_str().to_owned(),
    };
    Ok(no_store((StatusCode::CREATED, Json(claimed))))
}
