//! The decision that a credential came of is made again: by the same component in the same configuration, on what it
//! was asked then. It must come out the same, for the same fuel.

use chancery_domain::CredentialId;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::key_attestation::LEVELS;
use chancery_engine::{Answer, Input, PrepareRequest, Purpose, Template};
use chancery_store::{Asked, IssuedDecision, OfferItem};
use serde::Serialize;
use serde_json::{Value, json};
use time::Duration;
use tokio::task::spawn_blocking;

use super::find_template::find_template;
use super::keep_input::Kept;
use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode, SOON};

/// What somebody has at hand of what a template was asked.
pub(crate) struct Given {
    /// The subject's data, as the offer said it.
    pub(crate) subject: Value,
    /// What sources answered.
    pub(crate) answers: Vec<Answer>,
}

/// How a decision came out that was made again. What it says of whom is nobody's business.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Replayed {
    /// Whether it came out as it did then.
    pub(crate) same: bool,
    /// What it came to: `issue`, `refuse`, `need`, `defer`, `approve`, `deny`, …, or `fault`.
    pub(crate) answer: String,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
    /// What it cost now.
    pub(crate) fuel: u64,
    /// What it cost then.
    pub(crate) fuel_then: u64,
    /// `kept` or `given`: where the question came from.
    pub(crate) input: &'static str,
    /// The plugin: 64 hexadecimal digits.
    pub(crate) digest: String,
}

/// Makes it again, on what is given, or on what was kept.
pub(crate) async fn replay_issuance(
    app: &App,
    author: Author,
    issuer: &Issuer,
    id: CredentialId,
    given: Option<Given>,
) -> Result<Replayed, Problem> {
    let mut tx = app.tenant(issuer).await?;
    let decision = tx.issued_decision(id).await?;
    let kept = match &decision {
        Some(decision) => tx.kept_input(decision.issuance, app.now()).await?,
        None => None,
    };
    tx.commit().await?;
    let decision = decision.ok_or_else(Problem::not_found)?;
    let asked = decision.asked.ok_or_else(|| wrong("it was issued before anybody noted what is asked"))?;

    let _turn = app.turns.take(issuer.tenant()).await.ok_or_else(|| Problem::too_many(SOON))?;
    let item = OfferItem {
        configuration_id: decision.configuration_id.clone(),
        revision: decision.revision,
        issuance: None,
        deferral: None,
    };
    let template = find_template(app, issuer, &item).await;
    let template =
        template.map_err(|_| wrong("what decided cannot be run any more: it is quarantined or gone"))?;
    let (input, answer, source) = match (given, kept) {
        (Some(given), _) => (recognise(issuer, &template, given, &decision, asked).await?, None, "given"),
        (None, Some(sealed)) => {
            let Kept { input, answer } = open(issuer, &decision, &sealed)?;
            (input, Some(answer), "kept")
        }
        (None, None) => return Err(wrong("nothing is kept of what it was asked; give the subject's data")),
    };
    let call = template.run(&input).await;
    let (said, fault) = match &call.answer {
        Ok(outcome) => (outcome.spelled(), None),
        Err(fault) => (json!({ "fault": fault.kind.code() }), Some(fault.to_string())),
    };
    let answer_is_same = answer.map_or_else(|| said.get("issue").is_some(), |answer| answer == said);
    let replayed = Replayed {
        same: answer_is_same && call.usage.fuel == asked.fuel,
        answer: word(&said),
        fault,
        fuel: call.usage.fuel,
        fuel_then: asked.fuel,
        input: source,
        digest: hex::encode(decision.revision.component),
    };
    let mut tx = app.tenant(issuer).await?;
    let told = Changed::made(json!({ "same": replayed.same, "input": source }));
    tx.record(&app.entry(author, Action::DecisionReplayed, id, &told)).await?;
    tx.commit().await?;
    Ok(replayed)
}

/// The answer's kind: the name of its one member, or itself.
pub(super) fn word(said: &Value) -> String {
    let first = said.as_object().and_then(|members| members.keys().next().cloned());
    first.or_else(|| said.as_str().map(str::to_owned)).unwrap_or_default()
}

fn wrong(detail: &str) -> Problem {
    Problem::new(ProblemCode::WrongState).detail(detail)
}

fn open(issuer: &Issuer, decision: &IssuedDecision, sealed: &[u8]) -> Result<Kept, Problem> {
    let corrupt = |error: &dyn std::fmt::Display| Problem::new(ProblemCode::Internal).because(error);
    let plain = issuer.keys.open_input(decision.issuance.uuid(), sealed).map_err(|error| corrupt(&error))?;
    serde_json::from_slice(&plain).map_err(|error| corrupt(&error))
}

/// How long before it was recorded a decision may have been made.
const RECORDED_WITHIN: i64 = 60;
/// How often a wallet is believed to have been given a credential before.
const MOST_PRIOR: u32 = 20;

/// What the template was asked, if that is what is given. When it was is told by the issuance's own id, to the
/// instant at which the decision was recorded; the tag tells which second it was made in.
async fn recognise(
    issuer: &Issuer,
    template: &Template,
    given: Given,
    decision: &IssuedDecision,
    asked: Asked,
) -> Result<Input, Problem> {
    let (keys, template) = (issuer.keys.clone(), template.clone());
    let (slug, recorded) = (issuer.tenant.slug.clone(), decision.issuance.created_at());
    let completed_at = decision.completed_at;
    let searched = spawn_blocking(move || {
        let known = PrepareRequest {
            answers: &given.answers,
            completed_at,
            ..PrepareRequest::new(Purpose::Issue, &slug, &given.subject, recorded)
        };
        search(&template, &known, |input| keys.input_tag(&input.digest()) == asked.input_tag)
    });
    let found = searched.await.map_err(|error| Problem::new(ProblemCode::Internal).because(error))?;
    found.ok_or_else(|| {
        let message = "this is not what the template was asked: give the data as the offer said it, members in \
                       the same order; what was asked of somebody who signed in elsewhere can only be kept";
        Problem::invalid_at("/subject", "other-input", message)
    })
}

/// Tries what is not known and can only be so many things: in which second it was asked, for which purpose, how often
/// the wallet had it before, and how well its key is kept.
fn search(template: &Template, known: &PrepareRequest<'_>, is_it: impl Fn(&Input) -> bool) -> Option<Input> {
    let recorded = known.now;
    let levels = || std::iter::once(None).chain(LEVELS.into_iter().map(Some));
    for key_attestation in levels() {
        for (purpose, prior_issuances) in
            (0..=MOST_PRIOR).flat_map(|times| [(Purpose::Issue, times), (Purpose::Renew, times)])
        {
            for second in 0..=RECORDED_WITHIN {
                let now = recorded - Duration::seconds(second);
                let request =
                    PrepareRequest { purpose, prior_issuances, key_attestation, now, ..known.clone() };
                // Too large at one second is too large at all.
                let input = template.input(&request).ok()?;
                if is_it(&input) {
                    return Some(input);
                }
            }
        }
    }
    None
}
