//! `ETag` and `If-Match`: nobody overwrites what they have not seen (RFC 9110 §13.1.1).

use axum::response::Response;
use headers::{ETag, HeaderMapExt as _, IfMatch};
use http::{HeaderMap, HeaderValue, header};

use crate::problem::{Problem, ProblemCode};

/// The answer with the tag of the version that it shows.
pub(crate) fn tagged(mut response: Response, version: u32) -> Response {
    let tag = HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""));
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// `If-Match`, where the request has one; `*` fits whatever exists.
pub(crate) fn check_version(headers: &HeaderMap, version: u32) -> Result<(), Problem> {
    let malformed = || Problem::new(ProblemCode::Malformed).detail("If-Match is not a list of entity tags");
    let Some(asked) = headers.typed_try_get::<IfMatch>().map_err(|_| malformed())? else { return Ok(()) };
    let current: ETag = format!("\"{version}\"").parse().map_err(|_| malformed())?;
    if asked.precondition_passes(&current) {
        Ok(())
    } else {
        Err(Problem::new(ProblemCode::PreconditionFailed))
    }
}

/// The same, where the request must have one.
pub(crate) fn require_version(headers: &HeaderMap, version: u32) -> Result<(), Problem> {
    if !headers.contains_key(header::IF_MATCH) {
        return Err(Problem::new(ProblemCode::PreconditionRequired));
    }
    check_version(headers, version)
}
