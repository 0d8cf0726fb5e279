//! Status lists (Token Status List §8). Whoever asks leaves no trace.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::form_urlencoded;

use crate::app::App;
use crate::operations::publish_status_list::{TTL_SECONDS, publish_status_list};
use crate::refusal::Refusal;
use crate::tenants::Published;

/// `GET /status-lists/{list}`
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Published(issuer): Published,
    Path(list): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let unknown = || Refusal::not_found("there is no such status list");
    // Token Status List §8.4: whoever asks for the past must not be given the present. 404 and not 501, so
    // that no stranger can fill the log with our errors.
    if query.is_some_and(|query| form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "time")) {
        return Err(Refusal::not_found("no past of a status list is kept"));
    }
    // Only the canonical form: a list has one URL.
    let number: u32 = list.parse().map_err(|_| unknown())?;
    if number.to_string() != list {
        return Err(unknown());
    }
    let published = publish_status_list(&app, &issuer, number).await?.ok_or_else(unknown)?;
    let tag = published.etag.parse::<ETag>().ok();
    let asked = headers.typed_get::<IfNoneMatch>();
    let is_known = asked.zip(tag).is_some_and(|(asked, tag)| !asked.precondition_passes(&tag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/statuslist+jwt")], published.token).into_response()
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
    Ok(response)
}
