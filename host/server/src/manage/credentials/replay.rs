//! `POST /credentials/{id}/replay`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_engine::Answer;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::app::App;
use crate::caller::{Manager, Manages};
use crate::manage::read;
use crate::no_store;
use crate::operations::replay_issuance::{Given, Replayed, replay_issuance};
use crate::problem::{Problem, ProblemDocument};

/// What the template was asked, as far as it is at hand.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayRequest {
    /// The subject's data as the offer said it; else what was kept of it.
    #[schema(value_type = Option<Object>)]
    subject: Option<Map<String, Value>>,
    /// What sources answered, each with the lookup's `id` and its `document`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    answers: Vec<Answer>,
}

/// Make the decision again that a credential came of
///
/// By the same version in the same configuration, on the subject's data if you give it, else on what was kept
/// (`input_retention_hours`). Nothing is issued, and nothing is told of whom it is about: only whether it comes out the
/// same.
#[utoipa::path(
    post, path = "/credentials/{id}/replay", tag = "Credentials", request_body = ReplayRequest,
    params(("id" = String, Path, description = "`crd_…`")),
    responses(
        (status = 200, body = Replayed), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["issuance:manage"]))
)]
pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    manager: Manager<Manages>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let ReplayRequest { subject, answers } = read(&headers, body)?;
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let given = subject.map(|subject| Given { subject: Value::Object(subject), answers });
    let replayed = replay_issuance(&app, manager.author(), &manager.issuer, id, given).await?;
    Ok(no_store(Json(replayed)))
}
