//! `POST /clients/{id}/rotate-secret`

use chancery_domain::audit::{Action, Changed};
use serde_json::json;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_credential::secrets::ClientSecret;
use http::HeaderMap;
use serde::Deserialize;
use time::Duration;

use super::{ClientWithSecret, parse, to_change};
use crate::app::App;
use crate::audit::record_access;
use crate::caller::{KeepsClients, Manager};
use crate::manage::read;
use crate::manage::versions::{check_version, tagged};
use crate::no_store;
use crate::problem::{Problem, ProblemDocument};

/// The longest time for which two secrets are good, in seconds: a day.
const LONGEST_OVERLAP: u32 = 86_400;

/// How a secret makes way for the next.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotationRequest {
    /// Seconds for which the present secret stays good besides the new one, 0 to 86,400; 0 if absent.
    #[serde(default)]
    overlap_seconds: u32,
}

/// Give a client a new secret
///
/// Tokens that the client has stay good; whoever holds the present secret gets no more, once the overlap is
/// over.
#[utoipa::path(
    post, path = "/clients/{id}/rotate-secret", tag = "Clients", request_body = Option<RotationRequest>,
    params(("id" = String, Path, description = "`cli_…`")),
    responses(
        (status = 200, body = ClientWithSecret), (status = 403, body = ProblemDocument),
        (status = 404, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["clients:manage"]), ("api_key" = ["platform-admin"]))
)]
pub(crate) async fn rotate_secret(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsClients>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let request: RotationRequest = match &body {
        Ok(bytes) if bytes.is_empty() => RotationRequest::default(),
        _ => read(&headers, body)?,
    };
    if request.overlap_seconds > LONGEST_OVERLAP {
        let message = format!("must lie between 0 and {LONGEST_OVERLAP} seconds");
        return Err(Problem::invalid_at("/overlap_seconds", "range", message));
    }
    let overlap = Duration::seconds(request.overlap_seconds.into());
    let secret = ClientSecret::random(app.random.as_ref());
    let mut tx = app.tenant(&manager.issuer).await?;
    let client = to_change(&mut tx, &manager, id).await?;
    check_version(&headers, client.version)?;
    let former_until = overlap.is_positive().then(|| app.now() + overlap);
    let version = tx.rotate_client_secret(id, &secret.hash(), former_until).await?;
    let changed = Changed::made(json!({ "overlap_seconds": request.overlap_seconds }));
    let entry = app.entry(manager.author(), Action::ClientSecretRotated, id, &changed);
    record_access(&mut tx, &client.terms.scopes, &entry).await?;
    tx.commit().await?;
    Ok(tagged(no_store(Json(ClientWithSecret::new(id, client.terms, &secret))), version))
}
