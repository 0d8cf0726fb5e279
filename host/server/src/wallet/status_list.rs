//! Status lists (Token Status List §8). Whoever asks leaves no trace.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::form_urlencoded;

use crate::app::App;
use crate::operations::publish_status_list::{TTL_SECONDS, publish_status_list};
use crate::refusal::Refusal;

/// `GET /status-lists/{list}`
pub(crate) async fn show(
    State(app): State<Arc<App>>,
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
    let published = publish_status_list(&app, app.issuer(), number).await?.ok_or_else(unknown)?;
    let known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == published.etag.as_bytes());
    let mut response = if known {
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
