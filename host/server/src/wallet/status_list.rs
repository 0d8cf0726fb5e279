//! Status lists (Token Status List §8). Whoever asks leaves no trace.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chancery_credential::status_list::Purpose;
use headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use url::form_urlencoded;

use super::prefers;
use crate::app::App;
use crate::issuer::Issuer;
use crate::operations::publish_status_list::{
    ListForm, PublishedList, TTL_SECONDS, kept_list, publish_status_list,
};
use crate::refusal::Refusal;
use crate::tenants::Published;

/// `GET /status-lists/{list}`: a Token Status List, as JWT, or as CWT for who accepts nothing else.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Published(issuer): Published,
    Path(list): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    answer(&app, &issuer, &list, asked_form(&headers), query.as_deref(), &headers).await
}

/// `GET /status-lists/{list}/revocation`: a Bitstring Status List.
pub(crate) async fn show_revocation(
    State(app): State<Arc<App>>,
    Published(issuer): Published,
    Path(list): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let form = ListForm::Bitstring(Purpose::Revocation);
    answer(&app, &issuer, &list, form, query.as_deref(), &headers).await
}

/// `GET /status-lists/{list}/suspension`: likewise.
pub(crate) async fn show_suspension(
    State(app): State<Arc<App>>,
    Published(issuer): Published,
    Path(list): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let form = ListForm::Bitstring(Purpose::Suspension);
    answer(&app, &issuer, &list, form, query.as_deref(), &headers).await
}

/// `GET /status-lists`: where all of them are (Token Status List §9.3).
pub(crate) async fn aggregate(
    State(app): State<Arc<App>>,
    Published(issuer): Published,
) -> Result<Response, Refusal> {
    let mut tx = app.tenant(&issuer).await?;
    let lists = tx.status_lists().await?;
    tx.commit().await?;
    let uris: Vec<_> = lists.into_iter().map(|(list, _)| issuer.status_list_uri(list)).collect();
    let caching = [(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))];
    Ok((caching, Json(json!({ "status_lists": uris }))).into_response())
}

/// A list that was signed before, found by its address alone.
#[derive(Clone)]
pub(crate) struct Kept(PublishedList, ListForm);

/// The list at this path of an issuer, if it was kept. For when nothing can be known of the issuer itself.
pub(crate) async fn find_kept(
    app: &App,
    identifier: &str,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Option<Kept> {
    let path = path.strip_prefix("/status-lists/")?;
    let (list, form) = match path.split_once('/') {
        None => (path, asked_form(headers)),
        Some((list, purpose)) => {
            (list, ListForm::Bitstring(Purpose::ALL.into_iter().find(|one| one.as_str() == purpose)?))
        }
    };
    let number = named(list, query).ok()?;
    kept_list(app, identifier, number, form).await.map(|list| Kept(list, form))
}

/// `GET` on a status list whose issuer cannot be loaded now.
pub(crate) async fn show_kept(Extension(Kept(list, form)): Extension<Kept>, headers: HeaderMap) -> Response {
    show_list(list, form, &headers)
}

fn asked_form(headers: &HeaderMap) -> ListForm {
    if prefers(headers, ListForm::Cwt.content_type()) { ListForm::Cwt } else { ListForm::Jwt }
}

fn unknown() -> Refusal {
    Refusal::not_found("there is no such status list")
}

async fn answer(
    app: &App,
    issuer: &Issuer,
    list: &str,
    form: ListForm,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let number = named(list, query)?;
    let published = publish_status_list(app, issuer, number, form).await?.ok_or_else(unknown)?;
    Ok(show_list(published, form, headers))
}

/// The number of the list that is asked for.
fn named(list: &str, query: Option<&str>) -> Result<u64, Refusal> {
    // Token Status List §8.4: whoever asks for the past must not be given the present. 404 and not 501, so
    // that no stranger can fill the log with our errors.
    let names = ["time", "timestamp"];
    if query.is_some_and(|query| {
        form_urlencoded::parse(query.as_bytes()).any(|(name, _)| names.contains(&name.as_ref()))
    }) {
        return Err(Refusal::not_found("no past of a status list is kept"));
    }
    // Only the canonical form: a list has one URL.
    let number: u64 = list.parse().map_err(|_| unknown())?;
    if number.to_string() != list {
        return Err(unknown());
    }
    Ok(number)
}

fn show_list(published: PublishedList, form: ListForm, headers: &HeaderMap) -> Response {
    let tag = published.etag.parse::<ETag>().ok();
    let asked = headers.typed_get::<IfNoneMatch>();
    let is_known = asked.zip(tag).is_some_and(|(asked, tag)| !asked.precondition_passes(&tag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, form.content_type())], published.token).into_response()
    };
    let answer = response.headers_mut();
    let caching = format!("public, max-age={TTL_SECONDS}");
    answer.insert(
        header::CACHE_CONTROL,
        HeaderValue::try_from(caching).unwrap_or(HeaderValue::from_static("no-cache")),
    );
    if let Ok(etag) = HeaderValue::try_from(published.etag) {
        answer.insert(header::ETAG, etag);
    }
    // The other two have addresses of their own.
    if let ListForm::Jwt | ListForm::Cwt = form {
        answer.insert(header::VARY, HeaderValue::from_static("accept"));
    }
    response
}
