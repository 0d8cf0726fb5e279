//! `POST /plugins`, for a tenant and for operators

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::settings::Settings;
use chancery_store::By;
use http::{StatusCode, header};

use super::PluginView;
use crate::app::App;
use crate::caller::{KeepsPlugins, Manager, Operator};
use crate::no_store;
use crate::operations::plugins::Keeper;
use crate::operations::plugins::upload::{Uploaded, upload_plugin};
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// Upload a plugin
///
/// The body is the component itself, or a form with it as its one file. It is checked, compiled and asked what it
/// issues; what is refused is not kept. The same bytes again are the same version (200 instead of 201).
#[utoipa::path(
    post, path = "/plugins", tag = "Plugins",
    request_body(content(("application/wasm"), ("multipart/form-data"))),
    responses(
        (status = 201, body = PluginView), (status = 200, body = PluginView),
        (status = 403, body = ProblemDocument), (status = 413, body = ProblemDocument),
        (status = 415, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["plugins:manage"]))
)]
pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsPlugins>,
    request: Request,
) -> Result<Response, Problem> {
    let wasm = component(request).await?;
    let (issuer, author) = (&manager.issuer, manager.author());
    let keeper = Keeper::Tenant(&issuer.tenant);
    upload_plugin(&app, author, keeper, &issuer.settings, &wasm).await.map(shown)
}

/// Upload a plugin to the catalogue
///
/// Tenants may activate it as soon as it is approved. The same bytes again are the same version.
#[utoipa::path(
    post, path = "/plugins", tag = "Plugins",
    request_body(content(("application/wasm"), ("multipart/form-data"))),
    responses(
        (status = 201, body = PluginView), (status = 200, body = PluginView),
        (status = 413, body = ProblemDocument), (status = 415, body = ProblemDocument),
        (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn upload_to_catalogue(
    State(app): State<Arc<App>>,
    operator: Operator,
    request: Request,
) -> Result<Response, Problem> {
    let wasm = component(request).await?;
    let mut tx = app.store.platform(By::Operator).await?;
    let chosen = tx.configuration().await?;
    tx.commit().await?;
    let settings = Settings::default().with(&chosen.overrides);
    upload_plugin(&app, operator.author(), Keeper::Deployment, &settings, &wasm).await.map(shown)
}

fn shown(Uploaded { version, new }: Uploaded) -> Response {
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    no_store((status, Json(PluginView::alone(version))))
}

/// The component in a request, as it is or as the one file of a form.
async fn component(request: Request) -> Result<Bytes, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence =
        kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/wasm" | "application/octet-stream" => {
            Bytes::from_request(request, &()).await.map_err(|error| unread(error.status()))
        }
        "multipart/form-data" => {
            let mut form =
                Multipart::from_request(request, &()).await.map_err(|error| unread(error.status()))?;
            while let Some(field) = form.next_field().await.map_err(|error| unread(error.status()))? {
                if field.file_name().is_some() {
                    return field.bytes().await.map_err(|error| unread(error.status()));
                }
            }
            Err(Problem::new(ProblemCode::Malformed).detail("the form has no file"))
        }
        _ => Err(Problem::new(ProblemCode::UnsupportedMediaType)),
    }
}

fn unread(status: StatusCode) -> Problem {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ProblemCode::TooLarge),
        _ => Problem::new(ProblemCode::Malformed).detail("the upload cannot be read, or broke off"),
    }
}
