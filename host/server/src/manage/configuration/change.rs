//! `PUT` and `PATCH` of `/configuration` and `/configuration/{principal}`

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::settings::Overrides;
use chancery_store::{Configuration, Configurations};
use http::HeaderMap;
use uuid::Uuid;

use super::{ConfigurationRequest, ConfigurationView, of_tenant, patched, principal, replaced};
use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::manage::versions::require_version;
use crate::operations::configure::configure_tenant;
use crate::problem::{Problem, ProblemDocument};

/// Replace what the tenant chose
///
/// A setting that is left out is reset.
#[utoipa::path(
    put, path = "/configuration", tag = "Configuration", request_body = ConfigurationRequest,
    responses(
        (status = 200, body = ConfigurationView), (status = 412, body = ProblemDocument),
        (status = 422, body = ProblemDocument), (status = 428, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    configure(&app, &manager, None, &headers, |_| replaced(&headers, body)).await
}

/// Change some of what the tenant chose (RFC 7396)
///
/// `null` resets a setting.
#[utoipa::path(
    patch, path = "/configuration", tag = "Configuration", request_body = ConfigurationRequest,
    responses(
        (status = 200, body = ConfigurationView), (status = 412, body = ProblemDocument),
        (status = 422, body = ProblemDocument), (status = 428, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn merge(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    configure(&app, &manager, None, &headers, |chosen| patched(&headers, body, chosen)).await
}

/// Replace what was chosen for one API key or client
///
/// A setting that is left out is the tenant's.
#[utoipa::path(
    put, path = "/configuration/{principal}", tag = "Configuration", request_body = ConfigurationRequest,
    params(("principal" = String, Path, description = "`key_…` or `cli_…`")),
    responses(
        (status = 200, body = ConfigurationView), (status = 404, body = ProblemDocument),
        (status = 412, body = ProblemDocument), (status = 422, body = ProblemDocument),
        (status = 428, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn replace_of_principal(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    configure(&app, &manager, Some(&id), &headers, |_| replaced(&headers, body)).await
}

/// Change some of what was chosen for one API key or client (RFC 7396)
#[utoipa::path(
    patch, path = "/configuration/{principal}", tag = "Configuration", request_body = ConfigurationRequest,
    params(("principal" = String, Path, description = "`key_…` or `cli_…`")),
    responses(
        (status = 200, body = ConfigurationView), (status = 404, body = ProblemDocument),
        (status = 412, body = ProblemDocument), (status = 422, body = ProblemDocument),
        (status = 428, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn merge_of_principal(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    configure(&app, &manager, Some(&id), &headers, |chosen| patched(&headers, body, chosen)).await
}

async fn configure(
    app: &App,
    manager: &Manager<Administers>,
    id: Option<&str>,
    headers: &HeaderMap,
    choose: impl FnOnce(&Overrides) -> Result<Overrides, Problem>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let principal = match id {
        Some(id) => Some((principal(&mut tx, id).await?, id)),
        None => None,
    };
    let all = tx.configurations().await?;
    tx.commit().await?;
    let read = chosen_for(&all, principal.map(|(id, _)| id));
    require_version(headers, read.version)?;
    let chosen = choose(&read.overrides)?;
    let now =
        configure_tenant(app, manager.author(), &manager.issuer, principal, &all, &read, &chosen).await?;
    Ok(of_tenant(&with(all, principal.map(|(id, _)| id), now), principal.map(|(id, _)| id)))
}

fn chosen_for(all: &Configurations, principal: Option<Uuid>) -> Configuration {
    match principal {
        None => all.tenant.clone(),
        Some(principal) => all.principals.get(&principal).cloned().unwrap_or_default(),
    }
}

fn with(mut all: Configurations, principal: Option<Uuid>, now: Configuration) -> Configurations {
    match principal {
        None => all.tenant = now,
        Some(principal) => drop(all.principals.insert(principal, now)),
    }
    all
}
