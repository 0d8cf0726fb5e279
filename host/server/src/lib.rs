//! The service itself: listen, resolve, authenticate, translate, orchestrate.
//!
//! Reading order: `routes` says what there is, `caller/` who may, `wallet/`
//! and `manage/` translate, `operations/` decide. Nothing here knows SQL,
//! WebAssembly or the inside of a signature.

mod app;
mod caller;
pub mod config;
mod issuer;
mod jobs;
mod manage;
mod middleware;
mod operations;
mod ops;
mod page;
mod problem;
mod refusal;
mod routes;
mod serve;
mod startup;
mod wallet;

pub use chancery_store::embedded::remove_elsewhere as remove_database_elsewhere;
pub use problem::ProblemCode;
pub use serve::Server;
pub use startup::{Check, Outcome, StartError, doctor, migrate};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

/// One recorder a process, however many hosts run in it.
fn metrics_recorder() -> Result<metrics_exporter_prometheus::PrometheusHandle, StartError> {
    static RECORDER: std::sync::OnceLock<metrics_exporter_prometheus::PrometheusHandle> =
        std::sync::OnceLock::new();
    if let Some(handle) = RECORDER.get() {
        return Ok(handle.clone());
    }
    let handle = metrics_exporter_prometheus::PrometheusBuilder::new()
        .install_recorder()
        .map_err(|error| StartError::Internal(error.to_string()))?;
    Ok(RECORDER.get_or_init(|| handle).clone())
}

/// Tokens, credentials and errors are for one reader, once.
fn no_store(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
