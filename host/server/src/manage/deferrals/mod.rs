//! Deferrals, as those see them who decide.

pub(crate) mod complete;
pub(crate) mod list;
pub(crate) mod refuse;
pub(crate) mod show;

use axum::response::{IntoResponse, Response};
use chancery_domain::{DeferralId, DeferralState, OfferId};
use chancery_store::Deferral;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use time::OffsetDateTime;

use super::idempotency::Idempotent;
use crate::app::App;
use crate::caller::{Manager, Offers};
use crate::no_store;
use crate::operations::decide_deferral::{Verdict, decide_deferral};
use crate::problem::{Problem, ProblemCode};

/// A credential that somebody has yet to decide on, or has decided on.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeferralView {
    /// `dfr_…`
    #[schema(value_type = String)]
    id: DeferralId,
    /// The offer that it is of.
    #[schema(value_type = String)]
    offer: OfferId,
    /// Which credential of it.
    configuration_id: String,
    /// `pending`, `completed`, `refused`, `issued`, `expired` or `cancelled`.
    #[schema(value_type = String)]
    state: DeferralState,
    /// Whether whoever completes it has to bring the subject.
    subject_needed: bool,
    /// What the template waits for, if it is the one that does.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What the wallet is told, if it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// In how many seconds a wallet asks again.
    interval: u32,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When a wallet asked for it; absent if none has.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    asked_at: Option<OffsetDateTime>,
    /// When it was completed or refused.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    decided_at: Option<OffsetDateTime>,
    /// Until when it can be decided and fetched; extended when a wallet asks.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl From<Deferral> for DeferralView {
    fn from(row: Deferral) -> Self {
        Self {
            id: row.id,
            offer: row.offer,
            configuration_id: row.configuration_id,
            state: row.state,
            subject_needed: !row.has_subject,
            reason: row.reason,
            refusal: row.refusal,
            interval: row.interval,
            created_at: row.created_at,
            asked_at: row.asked_at,
            decided_at: row.decided_at,
            expires_at: row.expires_at,
        }
    }
}

/// A request to decide, and the answer that it got before.
struct Deciding {
    id: DeferralId,
    idempotent: Option<Idempotent>,
}

/// How such a request begins.
enum Begun {
    Anew(Deciding),
    /// It was made before.
    Answered(Response),
}

impl Deciding {
    /// Reads the id and the `Idempotency-Key`. An answer that was given before is given again.
    async fn begin(
        app: &App,
        manager: &Manager<Offers>,
        headers: &HeaderMap,
        (id, verb): (&str, &str),
        raw: &[u8],
    ) -> Result<Begun, Problem> {
        let id: DeferralId = id.parse().map_err(|_| Problem::not_found())?;
        let route = format!("POST /deferrals/{id}/{verb}");
        let idempotent = Idempotent::from_request(headers, manager, &route, raw)?;
        let deciding = Self { id, idempotent };
        let answer = deciding.recall(app, manager).await?;
        Ok(answer.map_or(Begun::Anew(deciding), |answer| Begun::Answered(shown(answer))))
    }

    async fn recall(&self, app: &App, manager: &Manager<Offers>) -> Result<Option<Vec<u8>>, Problem> {
        let Some(idempotent) = &self.idempotent else { return Ok(None) };
        let mut tx = app.tenant(&manager.issuer).await?;
        let answer = idempotent.recall(&manager.issuer, manager, &mut tx, app.now()).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Says what is wrong, unless the same request ran beside this one, and was faster.
    async fn give_up(
        &self,
        app: &App,
        manager: &Manager<Offers>,
        problem: Problem,
    ) -> Result<Response, Problem> {
        self.recall(app, manager).await?.map(shown).ok_or(problem)
    }

    /// Decides, once.
    async fn decide(
        &self,
        app: &App,
        manager: &Manager<Offers>,
        verdict: &Verdict,
    ) -> Result<Response, Problem> {
        let mut tx = app.tenant(&manager.issuer).await?;
        let decided = match decide_deferral(app, &mut tx, manager.author(), self.id, verdict).await {
            Ok(decided) => decided,
            Err(problem) => {
                tx.rollback().await?;
                return self.give_up(app, manager, problem).await;
            }
        };
        let answer = serde_json::to_vec(&DeferralView::from(decided));
        let answer = answer.map_err(|error| Problem::new(ProblemCode::Internal).because(error))?;
        if let Some(idempotent) = &self.idempotent
            && !idempotent.keep(app, &manager.issuer, manager, &mut tx, &answer).await?
        {
            tx.rollback().await?;
            let answer = self.recall(app, manager).await?;
            return answer.map(shown).ok_or_else(|| Problem::new(ProblemCode::InProgress));
        }
        tx.commit().await?;
        Ok(shown(answer))
    }
}

fn shown(answer: Vec<u8>) -> Response {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    no_store((StatusCode::OK, json, answer).into_response())
}
