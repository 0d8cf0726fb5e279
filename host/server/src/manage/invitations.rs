//! `POST /invitations/accept`: whoever was invited to own the tenant comes in, once.

use chancery_domain::RequestId;
use chancery_domain::audit::{Actor, Author};
use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use axum::{Extension, Json};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::api_keys::CreatedApiKey;
use super::read;
use crate::app::App;
use crate::caller::Anybody;
use crate::no_store;
use crate::operations::accept_invitation::accept_invitation;
use crate::problem::{Problem, ProblemDocument};

/// What somebody was sent.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptanceRequest {
    /// `chi_…`
    invitation: String,
}

/// Accept an invitation
///
/// The answer holds the owner's API key, once. An invitation that is wrong, used or over is not found.
#[utoipa::path(
    post, path = "/invitations/accept", tag = "Invitations", request_body = AcceptanceRequest,
    responses((status = 201, body = CreatedApiKey), (status = 404, body = ProblemDocument)),
    security(())
)]
pub(crate) async fn accept(
    State(app): State<Arc<App>>,
    Anybody(issuer): Anybody,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    // Nobody is asked who they are: the invitation says it.
    let author = Author { actor: Actor::Host, request: Some(request_id) };
    let request: AcceptanceRequest = read(&headers, body)?;
    let accepted = accept_invitation(&app, author, &issuer, &request.invitation).await?;
    let (key, secret) = accepted.ok_or_else(Problem::not_found)?;
    Ok(no_store((StatusCode::CREATED, Json(CreatedApiKey::new(key, &secret)))))
}
