//! `POST /keys/rotate`, and `POST /tenants/{id}/keys/rotate` for operators

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::TenantId;
use chancery_domain::audit::Author;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use time::Duration;

use super::KeyView;
use crate::app::App;
use crate::caller::{Manager, Operator, RotatesKeys};
use crate::manage::read;
use crate::no_store;
use crate::operations::rotate_key::{Rotated, Rotation, rotate_key};
use crate::platform::tenants::find;
use crate::problem::{Problem, ProblemDocument};

/// How long a key is published before it signs if nobody says otherwise: twice as long as anybody may keep the
/// documents that list it.
const AHEAD: u32 = 600;
/// The longest that a key may wait.
const LONGEST_AHEAD: u32 = 30 * 24 * 3600;

/// How the key is to be rotated. An empty document, or none, is an ordinary rotation.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateRequest {
    /// How many seconds the next key is published before it signs; 600 if absent, at most 30 days.
    #[serde(default)]
    activate_in: Option<u32>,
    /// Somebody else may hold the key: it signs nothing from now on.
    #[serde(default)]
    compromised: bool,
    /// With `compromised`: revoke all that it signed, and publish it no longer.
    #[serde(default)]
    revoke: bool,
}

/// What became of the keys.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RotationView {
    /// The key that signs next, or already.
    key: KeyView,
    /// The key that it takes the place of.
    superseded: KeyView,
    /// How many credentials the old key signed that are neither expired nor revoked.
    outstanding: u64,
    /// How many credentials were revoked.
    revoked: u64,
}

impl From<Rotated> for RotationView {
    fn from(Rotated { key, superseded, outstanding, revoked }: Rotated) -> Self {
        Self { key: key.into(), superseded: superseded.into(), outstanding, revoked }
    }
}

/// Rotate the signing key
///
/// The next version is published ahead, then signs; the old one stays published until the last credential that it
/// signed has expired. A compromised key stops at once, on every replica.
#[utoipa::path(
    post, path = "/keys/rotate", tag = "Keys", request_body = RotateRequest,
    responses(
        (status = 200, body = RotationView), (status = 409, body = ProblemDocument),
        (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["keys:manage"]))
)]
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    manager: Manager<RotatesKeys>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let rotation = read_rotation(&headers, body)?;
    obey(&app, manager.author(), manager.issuer.tenant(), rotation).await
}

/// Rotate a tenant's signing key
#[utoipa::path(
    post, path = "/tenants/{id}/keys/rotate", tag = "Keys", request_body = RotateRequest,
    params(("id" = String, Path, description = "`tnt_…`")),
    responses(
        (status = 200, body = RotationView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn rotate_of_tenant(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let tenant = find(&app, &id).await?.id;
    let rotation = read_rotation(&headers, body)?;
    obey(&app, operator.author(), tenant, rotation).await
}

async fn obey(app: &App, author: Author, tenant: TenantId, rotation: Rotation) -> Result<Response, Problem> {
    Ok(no_store(Json(RotationView::from(rotate_key(app, author, tenant, rotation).await?))))
}

fn read_rotation(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Rotation, Problem> {
    let request = match &body {
        Ok(empty) if empty.is_empty() => RotateRequest::default(),
        _ => read(headers, body)?,
    };
    match request {
        RotateRequest { compromised: true, activate_in: Some(_), .. } => Err(Problem::invalid_at(
            "/activate_in",
            "contradiction",
            "a compromised key is replaced at once; leave activate_in out",
        )),
        RotateRequest { compromised: true, revoke, .. } => Ok(Rotation::Emergency { revoke }),
        RotateRequest { revoke: true, .. } => Err(Problem::invalid_at(
            "/revoke",
            "contradiction",
            "only what a compromised key signed is revoked; set compromised too",
        )),
        RotateRequest { activate_in, .. } => ahead(activate_in).map(Rotation::Planned),
    }
}

/// How long a key is published before it signs.
pub(super) fn ahead(seconds: Option<u32>) -> Result<Duration, Problem> {
    let seconds = seconds.unwrap_or(AHEAD);
    if seconds <= LONGEST_AHEAD {
        return Ok(Duration::seconds(seconds.into()));
    }
    Err(Problem::invalid_at("/activate_in", "range", "a key is published at most 30 days ahead"))
}
