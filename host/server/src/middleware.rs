//! What happens around every request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tower_http::cors::{Any, CorsLayer};
use tracing::Instrument;

use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};
use crate::refusal::DPOP_NONCE;

/// How long a request may take from its first byte to our answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the handler as a task of its own: a client that disconnects drops the
/// answer, never the work, so no transaction is cut in the middle.
pub(crate) async fn track(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let work = next.run(request).in_current_span();
    let task = app.tasks.spawn(tokio::time::timeout(PATIENCE, work));
    match task.await {
        Ok(Ok(response)) => response,
        Ok(Err(_elapsed)) => StatusCode::REQUEST_TIMEOUT.into_response(),
        Err(panic) => Problem::new(ProblemCode::Internal).because(panic).into_response(),
    }
}

/// Writes the problems that handlers answered.
pub(crate) async fn render_problems(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let here = request.extensions().get::<Arc<Issuer>>().map(|issuer| issuer.management_url());
    let pages = here.unwrap_or_else(|| app.platform_api());
    Problem::render(next.run(request).await, &pages)
}

/// Headers that no answer is without.
pub(crate) async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

/// Counts and times requests by route, never by raw path: paths hold secrets.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = request.method().as_str().to_owned();
    let started = Instant::now();
    let span = tracing::info_span!("request", http.method = %method, http.route = %route);
    let response = next.run(request).instrument(span).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("chancery_http_requests_total", "route" => route.clone(), "method" => method, "status" => status)
        .increment(1);
    metrics::histogram!("chancery_http_request_seconds", "route" => route).record(started.elapsed());
    response
}

/// Wallets and verifiers may live in browsers; nothing here uses cookies.
pub(crate) fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, HeaderName::from_static("dpop")])
        .expose_headers([DPOP_NONCE, header::WWW_AUTHENTICATE, header::ETAG])
        .max_age(Duration::from_hours(24))
}
