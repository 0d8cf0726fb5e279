//! What happens around every request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chancery_domain::{RequestId, random_bytes};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tower_http::cors::{Any, CorsLayer};
use tracing::Instrument;

use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};
use crate::refusal::{ATTESTATION_CHALLENGE, DPOP_NONCE, Refusal};
use crate::tenants::limits::{Audience, ClientAddress};

/// How long a request may take from its first byte to our answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same for a plugin: it comes, waits for one of two compilers, and has 30 seconds in there.
const PATIENCE_WITH_UPLOADS: Duration = Duration::from_secs(90);

/// Runs the handler as a task of its own: a client that disconnects drops the
/// answer, never the work, so no transaction is cut in the middle.
pub(crate) async fn track(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let uploads =
        request.method() == Method::POST && route.is_some_and(|route| route.as_str().ends_with("/plugins"));
    let patience = if uploads { PATIENCE_WITH_UPLOADS } else { PATIENCE };
    let work = next.run(request).in_current_span();
    let task = app.tasks.spawn(tokio::time::timeout(patience, work));
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

/// Answers no more of a tenant's requests than are its share.
pub(crate) async fn limit(
    State((app, audience)): State<(Arc<App>, Audience)>,
    request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let Some(issuer) = extensions.get::<Arc<Issuer>>() else { return next.run(request).await };
    let client = extensions.get::<ClientAddress>().copied();
    let Err(wait) = app.limits.admit(issuer.tenant(), audience, client) else {
        return next.run(request).await;
    };
    app.limits.hold_back().await;
    match audience {
        Audience::Managers => Problem::too_many(wait).into_response(),
        Audience::Wallets | Audience::Verifiers => Refusal::too_many(wait).into_response(),
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names the request, in the log, in the audit trail and in the answer. What a client calls it counts for
/// nothing: it could be another's, or a lie.
pub(crate) async fn identify(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::new(app.now(), random_bytes(app.random.as_ref()));
    request.headers_mut().remove(REQUEST_ID);
    request.extensions_mut().insert(id);
    let span = tracing::info_span!(
        "request",
        request.id = %id,
        http.method = %request.method(),
        http.route = tracing::field::Empty,
    );
    let mut response = next.run(request).instrument(span).await;
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Counts and times requests by route, never by raw path: paths hold secrets.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = request.method().as_str().to_owned();
    let started = Instant::now();
    tracing::Span::current().record("http.route", &route);
    let response = next.run(request).await;
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
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("dpop"),
            HeaderName::from_static("oauth-client-attestation"),
            HeaderName::from_static("oauth-client-attestation-pop"),
        ])
        .expose_headers([
            DPOP_NONCE,
            ATTESTATION_CHALLENGE,
            header::WWW_AUTHENTICATE,
            header::ETAG,
            REQUEST_ID,
            header::RETRY_AFTER,
        ])
        .max_age(Duration::from_hours(24))
}
