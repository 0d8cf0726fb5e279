//! Somebody decides on what was deferred: completes it, with a subject or without, or refuses it.
//!
//! What is brought is checked as an offer is, and encrypted at once for the wallet that waits: whoever brings it cannot
//! read it again, and neither can we before that wallet comes.

use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::template::Issue;
use chancery_domain::{DeferralId, DeferralState};
use chancery_store::{Deferral, TenantTx};
use serde_json::{Value, json};

use super::circumstances::Circumstances;
use super::find_template::find_template;
use super::rehearse::{Rehearsed, rehearse};
use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};
use crate::refusal::Refusal;

/// What is decided.
pub(crate) enum Verdict {
    /// The wallet gets it.
    Complete {
        /// What was brought, encrypted for the wallet.
        sealed_subject: Option<Vec<u8>>,
    },
    /// The wallet is told why not.
    Refuse {
        /// For the holder.
        reason: String,
    },
}

/// The deferral of that id.
pub(crate) async fn find_deferral(app: &App, issuer: &Issuer, id: DeferralId) -> Result<Deferral, Problem> {
    let mut tx = app.tenant(issuer).await?;
    let deferral = tx.deferral(id, app.now()).await?;
    tx.commit().await?;
    deferral.ok_or_else(Problem::not_found)
}

/// Checks what is brought, and seals it. No transaction is open while the template is asked.
pub(crate) async fn check_completion(
    app: &App,
    issuer: &Issuer,
    deferral: &Deferral,
    subject: Option<&Value>,
) -> Result<Verdict, Problem> {
    if !issuer.tenant.status.may_issue() {
        return Err(Problem::new(ProblemCode::WrongState).detail("this issuer issues no more"));
    }
    if deferral.state != DeferralState::Pending {
        return Err(decided(deferral.state));
    }
    let Some(subject) = subject else {
        if !deferral.has_subject {
            let message = "the offer was made without a subject: bring it now";
            return Err(Problem::invalid_at("/subject", "required", message));
        }
        return Ok(Verdict::Complete { sealed_subject: None });
    };
    let mut tx = app.tenant(issuer).await?;
    let offer = tx.offer(deferral.offer).await?.ok_or_else(Problem::not_found)?;
    let waiting = tx.waiting(deferral.id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    let item = offer.items.iter().find(|item| item.configuration_id == deferral.configuration_id);
    let item = item.ok_or_else(Problem::not_found)?;
    let template = find_template(app, issuer, item).await.map_err(|refusal| unavailable(&refusal))?;
    // Those of the offer open with the wallet's token alone.
    match rehearse(app, issuer, &template, subject, &Circumstances::default(), Some(app.now())).await? {
        Rehearsed::Issues => {}
        Rehearsed::Refuses(issues) => return Err(Problem::invalid(of_subject(issues))),
        Rehearsed::Defers(said) => {
            let detail = format!("the template defers even what is completed: {}", said.reason);
            return Err(Problem::new(ProblemCode::TemplateFailed).detail(detail));
        }
    }
    let internal = |error: &dyn std::fmt::Display| Problem::new(ProblemCode::Internal).because(error);
    let plaintext = serde_json::to_vec(subject).map_err(|error| internal(&error))?;
    let sealed = issuer
        .keys
        .seal_brought_subject(deferral.id, &waiting.recipient, &plaintext, app.random.as_ref())
        .map_err(|error| internal(&error))?;
    Ok(Verdict::Complete { sealed_subject: Some(sealed) })
}

/// Decides, inside `tx`, which the caller commits. A deferral is completed once; until its wallet has come, it can
/// still be refused.
pub(crate) async fn decide_deferral(
    app: &App,
    tx: &mut TenantTx,
    author: Author,
    id: DeferralId,
    verdict: &Verdict,
) -> Result<Deferral, Problem> {
    let now = app.now();
    let before = tx.deferral(id, now).await?.ok_or_else(Problem::not_found)?;
    // The store knows nothing of offers that ran out a moment ago.
    let is_done = before.state.is_open()
        && match verdict {
            Verdict::Complete { sealed_subject } => {
                tx.complete_deferral(id, sealed_subject.as_deref(), now).await?
            }
            Verdict::Refuse { reason } => tx.refuse_deferral(id, reason, now).await?,
        };
    let after = tx.deferral(id, now).await?.ok_or_else(Problem::not_found)?;
    if !is_done {
        return Err(decided(after.state));
    }
    let (action, told) = match verdict {
        Verdict::Complete { sealed_subject } => (
            Action::DeferralCompleted,
            json!({ "state": after.state, "subject_brought": sealed_subject.is_some() }),
        ),
        Verdict::Refuse { .. } => (Action::DeferralRefused, json!({ "state": after.state })),
    };
    let changed = Changed { before: json!({ "state": before.state }), after: told };
    tx.record(&app.entry(author, action, id, &changed)).await?;
    Ok(after)
}

fn decided(state: DeferralState) -> Problem {
    Problem::new(ProblemCode::WrongState).detail(format!("the deferral is {}", state.as_str()))
}

fn of_subject(issues: Vec<Issue>) -> Vec<Issue> {
    let within = |issue: Issue| Issue { pointer: format!("/subject{}", issue.pointer), ..issue };
    issues.into_iter().map(within).collect()
}

fn unavailable(refusal: &Refusal) -> Problem {
    refusal.log();
    Problem::new(ProblemCode::Unavailable)
}
