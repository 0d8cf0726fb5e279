//! What verifiers find of a tenant that was deleted, until the last credential that it issued is over.

use axum::Extension;
use axum::response::{IntoResponse, Response};
use chancery_store::LastDocument;
use http::{HeaderValue, header};

/// `GET` on whatever the front door found; the bytes never change again.
pub(crate) async fn show_left_behind(Extension(document): Extension<LastDocument>) -> Response {
    let content_type = HeaderValue::try_from(document.content_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    (headers, document.body).into_response()
}
