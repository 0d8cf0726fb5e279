//! The service itself: listen, resolve, authenticate, translate, orchestrate.
//!
//! Reading order: `routes` says what there is, `caller/` who may, `wallet/`
//! and `manage/` translate, `operations/` decide. Nothing here knows SQL,
//! WebAssembly or the inside of a signature.

mod active_template;
mod app;
mod audit;
mod authorization;
mod caller;
mod certificate_fault;
pub mod config;
mod egress;
mod events;
mod files;
mod issuer;
mod jobs;
mod kept_lists;
mod manage;
mod middleware;
mod operations;
mod ops;
mod page;
mod platform;
mod problem;
mod proxies;
mod redeemed;
mod refusal;
mod routes;
mod serve;
mod startup;
mod tallies;
mod tenants;
mod wallet;
mod witness;

pub use chancery_store::embedded::remove_elsewhere as remove_database_elsewhere;
pub use operations::preview_credential::{Preview, PreviewFailed, Sample, preview_credential};
pub use problem::ProblemCode;
pub use serve::Server;
pub use startup::demo::{Entrance, Entrances, TenantEntrance};
pub use startup::{
    COMPILER_COMMAND, Check, MasterRotated, Outcome, RUNNER_COMMAND, StartError, doctor, migrate,
    rotate_master,
};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

/// Upper bounds in seconds. Without them a duration becomes a summary, and replicas' summaries do not add up.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// One recorder a process, however many hosts run in it.
fn metrics_recorder() -> Result<metrics_exporter_prometheus::PrometheusHandle, StartError> {
    static RECORDER: std::sync::OnceLock<metrics_exporter_prometheus::PrometheusHandle> =
        std::sync::OnceLock::new();
    if let Some(handle) = RECORDER.get() {
        return Ok(handle.clone());
    }
    let handle = metrics_exporter_prometheus::PrometheusBuilder::new()
        .set_buckets(&BUCKETS)
        .and_then(metrics_exporter_prometheus::PrometheusBuilder::install_recorder)
        .map_err(|error| StartError::Internal(error.to_string()))?;
    Ok(RECORDER.get_or_init(|| handle).clone())
}

/// Tokens, credentials and errors are for one reader, once.
fn no_store(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
