//! `PUT /sources/{configuration_id}/{name}`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_credential::keys::Shared;
use chancery_domain::audit::{Action, Changed};
use chancery_domain::template::Issue;
use chancery_store::{LookupSource, MOST_SOURCES};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::{SourceView, target, told};
use crate::app::App;
use crate::caller::{KeepsPlugins, Manager};
use crate::manage::read;
use crate::no_store;
use crate::operations::look_up::sealed_for;
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// The longest value of a header.
const LONGEST_VALUE: usize = 4_000;
/// Headers that are the host's to set.
const OURS: [&str; 14] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "accept",
    "accept-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "user-agent",
];

/// Where a source is.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceRequest {
    /// Where it is: https, at a public address.
    url: String,
    /// What lets the host in; kept sealed and shown to nobody. To keep one, send it again.
    #[serde(default)]
    header: Option<SecretHeader>,
}

/// A header with a secret.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretHeader {
    /// Such as `authorization`.
    name: String,
    /// Such as `Bearer …`.
    value: String,
}

impl std::fmt::Debug for SecretHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretHeader").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Set a source
///
/// The template of that credential configuration, and no other, has things looked up there: the host sends what it
/// asks as JSON by `POST`, and hands it the answer.
#[utoipa::path(
    put, path = "/sources/{configuration_id}/{name}", tag = "Sources", request_body = SourceRequest,
    params(
        ("configuration_id" = String, Path, description = "The credential configuration"),
        ("name" = String, Path, description = "The name by which its template asks"),
    ),
    responses(
        (status = 200, body = SourceView), (status = 409, body = ProblemDocument),
        (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["plugins:manage"]))
)]
pub(crate) async fn set(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsPlugins>,
    Path((configuration_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: SourceRequest = read(&headers, body)?;
    let is_name = |text: &str, most: usize| {
        text.len() <= most
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !is_name(&configuration_id, 64) || !is_name(&name, 64) {
        return Err(Problem::not_found());
    }
    let Checked { url, header } = checked(&app, &request)?;
    let mut source = LookupSource { configuration_id, name, url, header: None, set_at: app.now() };
    source.header = header.map(|(header, value)| {
        let name = sealed_for(&source);
        let value = value.as_bytes();
        (header, manager.issuer.keys.seal_shared(Shared::Source, &name, value, app.random.as_ref()))
    });
    let mut tx = app.tenant(&manager.issuer).await?;
    if !tx.set_source(&source).await? {
        tx.rollback().await?;
        let detail = format!("a tenant has at most {MOST_SOURCES} sources; remove one first");
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    let told = told(&source.url, source.header.as_ref().map(|(name, _)| name.as_str()));
    let target = target(&source.configuration_id, &source.name);
    tx.record(&app.entry(manager.author(), Action::SourceSet, target, &Changed::made(told))).await?;
    tx.commit().await?;
    let template = manager.issuer.template(&source.configuration_id);
    let declared = template.and_then(|template| template.source(&source.name));
    let description = declared.map(|declared| declared.description().to_owned());
    Ok(no_store(Json(SourceView::new(source, description))))
}

/// A URL and a header in their one spelling.
struct Checked<'a> {
    url: String,
    header: Option<(String, &'a str)>,
}

/// What was asked for, or everything that is wrong with it.
fn checked<'a>(app: &App, request: &'a SourceRequest) -> Result<Checked<'a>, Problem> {
    let mut issues = Vec::new();
    let mut report = |pointer: &str, code: &str, message: String| {
        issues.push(Issue { pointer: pointer.to_owned(), code: code.to_owned(), message });
    };
    let url = app.egress.guard().destination(&request.url);
    if let Err(wrong) = &url {
        report("/url", "destination", wrong.to_string());
    }
    let mut header = None;
    if let Some(SecretHeader { name, value }) = &request.header {
        match HeaderName::try_from(name.as_str()) {
            Ok(name) if !OURS.contains(&name.as_str()) && !name.as_str().starts_with("proxy-") => {
                header = Some((name.as_str().to_owned(), value.as_str()));
            }
            Ok(_) => report("/header/name", "not-allowed", "this header is set by the host".to_owned()),
            Err(_) => report("/header/name", "not-a-name", "must be the name of a header".to_owned()),
        }
        let fits = (1..=LONGEST_VALUE).contains(&value.len()) && value.is_ascii();
        if !fits || HeaderValue::from_str(value).is_err() {
            let message = format!("must have 1 to {LONGEST_VALUE} visible ASCII characters");
            report("/header/value", "not-a-value", message);
        }
    }
    match url {
        Ok(url) if issues.is_empty() => Ok(Checked { url: url.into(), header }),
        _ => Err(Problem::invalid(issues)),
    }
}
