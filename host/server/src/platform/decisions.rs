//! `/decisions`: what policies and licence plugins decided, to be decided again.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chancery_domain::DecisionId;
use chancery_store::{By, PluginDecision};
use serde::Serialize;
use time::OffsetDateTime;

use crate::app::App;
use crate::caller::Operator;
use crate::manage::Page;
use crate::no_store;
use crate::operations::plugins::decisions::replay_decision;
use crate::operations::replay_issuance::Replayed;
use crate::problem::{Problem, ProblemDocument};

/// A decision that was made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DecisionView {
    /// `dec_…`
    #[schema(value_type = String)]
    id: DecisionId,
    #[serde(with = "time::serde::rfc3339")]
    decided_at: OffsetDateTime,
    /// `onboarding-policy` or `license`.
    hook: String,
    /// The slug of a registration, the operation that was to be allowed, or `read` for the licence itself.
    about: String,
    /// What was decided, in a word: `approve`, `reject`, `require-approval`, `allow`, `deny`, …, or `fault`.
    answer: String,
    /// What that cost.
    fuel: u64,
    /// The plugin's digest.
    digest: String,
}

impl From<PluginDecision> for DecisionView {
    fn from(decision: PluginDecision) -> Self {
        Self {
            id: decision.id,
            decided_at: decision.decided_at,
            hook: decision.hook,
            about: decision.about,
            answer: decision.answer,
            fuel: decision.asked.fuel,
            digest: hex::encode(decision.component),
        }
    }
}

/// List what policies and the licence plugin decided, the latest first
///
/// For 90 days. What they were asked is sealed, as a registration names people.
#[utoipa::path(
    get, path = "/decisions", tag = "Onboarding", responses((status = 200, body = Page<DecisionView>)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _operator: Operator) -> Result<Response, Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    let decisions = tx.decisions(None).await?;
    tx.commit().await?;
    let data = decisions.into_iter().map(DecisionView::from).collect();
    Ok(no_store(Json(Page { data, next_cursor: None })))
}

/// Make a decision again
///
/// By the same version in the same configuration, on what it was asked then. It changes nothing; it says whether the
/// decision comes out the same.
#[utoipa::path(
    post, path = "/decisions/{id}/replay", tag = "Onboarding",
    params(("id" = String, Path, description = "`dec_…`")),
    responses(
        (status = 200, body = Replayed), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let replayed = replay_decision(&app, operator.author(), id).await?;
    Ok(no_store(Json(replayed)))
}
