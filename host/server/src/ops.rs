//! Health and metrics.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::app::App;
use crate::no_store;

/// `GET /livez`: the process answers.
pub(crate) async fn livez() -> Response {
    no_store(Json(json!({ "status": "ok" })))
}

/// `GET /readyz`: everything that issuance needs answers, each named.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let database = match app.store.directory().application_tenant().await {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "the database does not answer");
            Err("does not answer")
        }
    };
    let mut dependencies = vec![("database", database)];
    if !app.tenants.workshop.saas {
        dependencies.extend(sole_tenant(&app).await);
    }

    let is_ready = dependencies.iter().all(|(_, state)| state.is_ok());
    let described: serde_json::Map<String, Value> = dependencies
        .iter()
        .map(|(name, state)| ((*name).to_owned(), json!(state.err().unwrap_or("ok"))))
        .collect();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if is_ready { "ok" } else { "unavailable" };
    no_store((status, Json(json!({ "status": word, "dependencies": described }))))
}

/// What the one tenant of a self-hosted host needs.
async fn sole_tenant(app: &App) -> [(&'static str, Result<(), &'static str>); 2] {
    let Ok(Some(issuer)) = app.tenants.application().await else {
        return [("templates", Err("cannot be loaded")), ("certificate", Err("cannot be loaded"))];
    };
    let templates = if issuer.templates.is_empty() { Err("no template is active") } else { Ok(()) };
    let certificate = issuer.certificate_fault(app.now()).map_or(Ok(()), |fault| Err(fault.as_str()));
    [("templates", templates), ("certificate", certificate)]
}

/// `GET /metrics`, for Prometheus.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let traffic = app.store.traffic();
    metrics::counter!("chancery_database_transactions_total").absolute(traffic.transactions);
    metrics::counter!("chancery_database_round_trips_total").absolute(traffic.round_trips);
    metrics::gauge!("chancery_plugin_calls_waiting")
        .set(u32::try_from(app.engine.waiting()).unwrap_or(u32::MAX));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}
