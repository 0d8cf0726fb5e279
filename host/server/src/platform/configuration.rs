//! `/configuration`: what counts for every tenant that did not choose itself.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::settings::Overrides;
use chancery_store::{By, Configuration};
use http::HeaderMap;

use crate::app::App;
use crate::caller::Operator;
use crate::manage::configuration::{
    ConfigurationRequest, ConfigurationView, of_deployment, patched, replaced,
};
use crate::manage::versions::require_version;
use crate::operations::configure::configure_deployment;
use crate::problem::{Problem, ProblemDocument};

/// Show the deployment's configuration
#[utoipa::path(
    get, path = "/configuration", tag = "Configuration",
    responses((status = 200, body = ConfigurationView)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn show(State(app): State<Arc<App>>, _operator: Operator) -> Result<Response, Problem> {
    Ok(of_deployment(&chosen(&app).await?))
}

/// Replace what was chosen for the deployment
///
/// A setting that is left out is reset to its default.
#[utoipa::path(
    put, path = "/configuration", tag = "Configuration", request_body = ConfigurationRequest,
    responses(
        (status = 200, body = ConfigurationView), (status = 412, body = ProblemDocument),
        (status = 422, body = ProblemDocument), (status = 428, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    operator: Operator,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    configure(&app, &operator, &headers, |_| replaced(&headers, body)).await
}

/// Change some of what was chosen for the deployment (RFC 7396)
///
/// `null` resets a setting.
#[utoipa::path(
    patch, path = "/configuration", tag = "Configuration", request_body = ConfigurationRequest,
    responses(
        (status = 200, body = ConfigurationView), (status = 412, body = ProblemDocument),
        (status = 422, body = ProblemDocument), (status = 428, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn merge(
    State(app): State<Arc<App>>,
    operator: Operator,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    configure(&app, &operator, &headers, |chosen| patched(&headers, body, chosen)).await
}

async fn configure(
    app: &App,
    operator: &Operator,
    headers: &HeaderMap,
    choose: impl FnOnce(&Overrides) -> Result<Overrides, Problem>,
) -> Result<Response, Problem> {
    let read = chosen(app).await?;
    require_version(headers, read.version)?;
    let chosen = choose(&read.overrides)?;
    Ok(of_deployment(&configure_deployment(app, operator.author(), &read, &chosen).await?))
}

async fn chosen(app: &App) -> Result<Configuration, Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    let chosen = tx.configuration().await?;
    tx.commit().await?;
    Ok(chosen)
}
