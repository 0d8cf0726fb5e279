//! `POST /plugins`, for a tenant and for operators

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::settings::Settings;
use chancery_store::By;
use http::{StatusCode, header};
use tokio::sync::SemaphorePermit;

use super::PluginView;
use crate::app::App;
use crate::caller::{KeepsPlugins, Manager, Operator};
use crate::no_store;
use crate::operations::plugins::Keeper;
use crate::operations::plugins::upload::{Brought, Uploaded, upload_plugin};
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// Upload a plugin
///
/// The body is the component itself, or a form with it as its one file. What its publisher signed comes in the header
/// `Plugin-Signature`, or in the form's field `signature` before the file. It is checked, compiled and asked what it
/// issues; what is refused is not kept. The same bytes again are the same version (200 instead of 201).
#[utoipa::path(
    post, path = "/plugins", tag = "Plugins",
    request_body(content(("application/wasm"), ("multipart/form-data"))),
    responses(
        (status = 201, body = PluginView), (status = 200, body = PluginView),
        (status = 403, body = ProblemDocument), (status = 413, body = ProblemDocument),
        (status = 415, body = ProblemDocument), (status = 422, body = ProblemDocument),
        (status = 429, body = ProblemDocument), (status = 503, body = ProblemDocument),
    ),
    security(("api_key" = ["plugins:manage"]))
)]
pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsPlugins>,
    request: Request,
) -> Result<Response, Problem> {
    let _place = place(&app)?;
    let body = Body::read(request).await?;
    let (issuer, author) = (&manager.issuer, manager.author());
    let keeper = Keeper::Tenant(&issuer.tenant);
    upload_plugin(&app, author, keeper, &issuer.settings, body.brought()).await.map(shown)
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
        (status = 422, body = ProblemDocument), (status = 429, body = ProblemDocument),
        (status = 503, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn upload_to_catalogue(
    State(app): State<Arc<App>>,
    operator: Operator,
    request: Request,
) -> Result<Response, Problem> {
    let _place = place(&app)?;
    let body = Body::read(request).await?;
    let mut tx = app.store.platform(By::Operator).await?;
    let chosen = tx.configuration().await?;
    tx.commit().await?;
    let settings = Settings::default().with(&chosen.overrides);
    upload_plugin(&app, operator.author(), Keeper::Deployment, &settings, body.brought()).await.map(shown)
}

fn shown(Uploaded { version, new }: Uploaded) -> Response {
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    no_store((status, Json(PluginView::alone(version))))
}

/// How many uploads are under way at a time. Others come again: what waited would wait with all of its bytes.
pub(crate) const MOST_AT_A_TIME: usize = 4;
/// By when one of them is done, as a rule.
const COME_AGAIN: Duration = Duration::from_secs(5);

fn place(app: &App) -> Result<SemaphorePermit<'_>, Problem> {
    app.uploads.try_acquire().map_err(|_| {
        Problem::too_many(COME_AGAIN).detail("other plugins are being uploaded; come again in a moment")
    })
}

/// The header with what a publisher signed.
const SIGNATURE: &str = "plugin-signature";
/// A signature is shorter by far.
const LONGEST_SIGNATURE: usize = 1_000;

/// What an upload brings.
struct Body {
    wasm: Bytes,
    signature: Option<String>,
}

impl Body {
    fn brought(&self) -> Brought<'_> {
        Brought { wasm: &self.wasm, signature: self.signature.as_deref() }
    }

    /// The component as it is, or as the one file of a form.
    async fn read(request: Request) -> Result<Self, Problem> {
        let kind = text_of(&request, header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let mut signature = text_of(&request, SIGNATURE);
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/wasm" | "application/octet-stream" => {
                let wasm = Bytes::from_request(request, &()).await.map_err(|error| unread(error.status()))?;
                Ok(Self { wasm, signature })
            }
            "multipart/form-data" => {
                let mut form =
                    Multipart::from_request(request, &()).await.map_err(|error| unread(error.status()))?;
                while let Some(field) = form.next_field().await.map_err(|error| unread(error.status()))? {
                    if field.file_name().is_some() {
                        let wasm = field.bytes().await.map_err(|error| unread(error.status()))?;
                        return Ok(Self { wasm, signature });
                    }
                    if field.name() == Some("signature") {
                        let text = field.bytes().await.map_err(|error| unread(error.status()))?;
                        let text = text.get(..text.len().min(LONGEST_SIGNATURE)).unwrap_or_default();
                        signature = Some(String::from_utf8_lossy(text).into_owned());
                    }
                }
                Err(Problem::new(ProblemCode::Malformed).detail("the form has no file"))
            }
            _ => Err(Problem::new(ProblemCode::UnsupportedMediaType)),
        }
    }
}

/// A header that is no text is an empty one: it is there, and means nothing.
fn text_of(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).map(|value| value.to_str().unwrap_or_default().to_owned())
}

fn unread(status: StatusCode) -> Problem {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ProblemCode::TooLarge),
        _ => Problem::new(ProblemCode::Malformed).detail("the upload cannot be read, or broke off"),
    }
}
