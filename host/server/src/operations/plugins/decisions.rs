//! Decisions of policies and licence plugins: kept when they are made, sealed, and made again when somebody asks.

use std::sync::Arc;

use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::{DecisionId, TenantId, random_bytes};
use chancery_engine::{Fault, Hook, Input, Measured};
use chancery_store::{Asked, By, PluginDecision};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::Duration;
use uuid::Uuid;

use crate::app::App;
use crate::issuer::Issuer;
use crate::operations::replay_issuance::{Replayed, word};
use crate::problem::{Problem, ProblemCode};
use crate::tenants::templates::Unusable;

/// For how long decisions can be made again.
const KEPT_FOR: Duration = Duration::days(90);

/// What a plugin was asked, and under which name that is found again.
pub(crate) struct Posed<'a> {
    pub(crate) hook: Hook,
    /// The slug of a registration, or the operation that was to be allowed.
    pub(crate) about: &'a str,
    pub(crate) component: [u8; 32],
    pub(crate) configuration: &'a Value,
    pub(crate) input: &'a Input,
}

/// Everything that it takes, as it is sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    configuration: Value,
    input: Input,
    answer: Value,
}

/// The deployment is no tenant; its plugins are counted under nobody's name.
pub(crate) fn nobody() -> TenantId {
    TenantId::from_uuid(Uuid::nil())
}

/// Keeps a decision, and counts what it cost. That it cannot be kept changes nothing about it.
pub(crate) async fn keep_decision<T: Serialize>(app: &App, posed: &Posed<'_>, call: &Measured<T>) {
    app.tallies.note((nobody(), posed.component), call, app.now());
    if let Err(error) = keep(app, posed, call).await {
        tracing::warn!(?error, about = posed.about, "failed to keep a decision; it cannot be made again");
    }
}

async fn keep<T: Serialize>(app: &App, posed: &Posed<'_>, call: &Measured<T>) -> Result<(), Problem> {
    let Some(platform) = platform(app).await? else { return Ok(()) };
    let now = app.now();
    let id = DecisionId::new(now, random_bytes(app.random.as_ref()));
    let answer = answer(call)?;
    let kept = Kept {
        configuration: posed.configuration.clone(),
        input: posed.input.clone(),
        answer: answer.clone(),
    };
    let plain = serde_json::to_vec(&kept).map_err(internal)?;
    let decision = PluginDecision {
        id,
        decided_at: now,
        hook: posed.hook.as_str().to_owned(),
        about: posed.about.to_owned(),
        component: posed.component,
        asked: Asked { input_tag: platform.keys.input_tag(&posed.input.digest()), fuel: call.usage.fuel },
        answer: in_a_word(&answer),
        sealed: platform.keys.seal_input(id.uuid(), &plain, app.random.as_ref()),
    };
    let mut tx = app.store.platform(By::Job("keep a decision")).await?;
    tx.keep_decision(&decision, now - KEPT_FOR).await?;
    Ok(tx.commit().await?)
}

/// Makes a decision once more, by the same component in the same configuration.
pub(crate) async fn replay_decision(app: &App, author: Author, id: DecisionId) -> Result<Replayed, Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    let decision = tx.decisions(Some(id)).await?.pop();
    tx.commit().await?;
    let decision = decision.ok_or_else(Problem::not_found)?;
    let platform = platform(app).await?.ok_or_else(Problem::not_found)?;
    let plain = platform.keys.open_input(id.uuid(), &decision.sealed).map_err(internal)?;
    let Kept { configuration, input, answer } = serde_json::from_slice(&plain).map_err(internal)?;
    let (said, fuel, fault) = ask(app, &decision, configuration, &input).await?;
    let replayed = Replayed {
        same: said == answer && fuel == decision.asked.fuel,
        answer: in_a_word(&said),
        fault,
        fuel,
        fuel_then: decision.asked.fuel,
        input: "kept",
        digest: hex::encode(decision.component),
    };
    let mut tx = app.store.platform(By::Operator).await?;
    let told = Changed::made(json!({ "same": replayed.same, "input": "kept" }));
    tx.record(&app.entry(author, Action::DecisionReplayed, id, &told)).await?;
    tx.commit().await?;
    Ok(replayed)
}

async fn ask(
    app: &App,
    decision: &PluginDecision,
    configuration: Value,
    input: &Input,
) -> Result<(Value, u64, Option<String>), Problem> {
    let templates = &app.tenants.workshop.templates;
    let component = templates.component(&app.store, &app.engine, decision.component).await;
    let component = component.map_err(|error| match error {
        Unusable::Missing => Problem::new(ProblemCode::WrongState)
            .detail("what decided cannot be run any more: it is quarantined or gone"),
        error => error.into(),
    })?;
    if decision.hook == Hook::OnboardingPolicy.as_str() {
        let policy = app.engine.policy(&component, configuration).await.map_err(Unusable::from)?;
        return told(&policy.run(input).await);
    }
    let license = app.engine.license(&component, configuration).await.map_err(Unusable::from)?;
    if decision.about == READING {
        return told(&license.run(input).await);
    }
    told(&license.run_check(input).await)
}

/// What a licence plugin is asked about a document, beside the operations that it is asked about.
pub(crate) const READING: &str = "read";

fn told<T: Serialize>(call: &Measured<T>) -> Result<(Value, u64, Option<String>), Problem> {
    Ok((answer(call)?, call.usage.fuel, call.answer.as_ref().err().map(Fault::to_string)))
}

/// Of what a licence grants, its state says most.
fn in_a_word(answer: &Value) -> String {
    let state = answer.get("state").and_then(Value::as_str).map(str::to_owned);
    state.unwrap_or_else(|| word(answer))
}

/// A fault is an answer, too: the same question brings it again.
fn answer<T: Serialize>(call: &Measured<T>) -> Result<Value, Problem> {
    match &call.answer {
        Ok(answer) => serde_json::to_value(answer).map_err(internal),
        Err(fault) => Ok(json!({ "fault": fault.kind.code() })),
    }
}

/// Whose keys seal what the deployment keeps.
async fn platform(app: &App) -> Result<Option<Arc<Issuer>>, Problem> {
    app.tenants.application().await.map_err(|error| Problem::new(ProblemCode::Unavailable).because(error))
}

fn internal(error: impl std::fmt::Display) -> Problem {
    Problem::new(ProblemCode::Internal).because(error)
}
