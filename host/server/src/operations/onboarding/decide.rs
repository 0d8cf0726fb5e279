//! All policies are asked about a registration, and the strictest decision holds. One that does not answer holds the
//! registration for a person; nobody comes in because something broke.

use chancery_domain::onboarding::Held;
use chancery_domain::template::Issue;
use chancery_domain::tenant::TenantStatus;
use chancery_engine::{DecideRequest, Decision, Hook};
use chancery_store::{By, InstalledPolicy};
use time::OffsetDateTime;

use crate::app::App;
use crate::operations::plugins::decisions::{Posed, keep_decision, nobody};
use crate::problem::{Problem, ProblemCode};
use crate::tenants::templates::Unusable;

/// What can be shown by somebody; any other word needs a person to look.
const KNOWN: [&str; 2] = ["owner-email", "domain"];

/// What becomes of a registration that is not rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The tenant is let in.
    Admit,
    /// It waits in this status.
    Hold(TenantStatus, Held),
}

/// Asks every installed policy.
pub(crate) async fn decide(app: &App, request: &DecideRequest) -> Result<Verdict, Problem> {
    let mut tx = app.store.platform(By::Job("ask the onboarding policies")).await?;
    let policies = tx.policies().await?;
    tx.commit().await?;
    let mut decision = Decision::Approve;
    for policy in &policies {
        let said = ask(app, policy, request).await.unwrap_or_else(|why| {
            tracing::warn!(policy = policy.name, why, "an onboarding policy does not answer");
            let message = format!("the policy {} did not answer: {why}", policy.name);
            Decision::RequireApproval(vec![issue("", "policy-failed", message)])
        });
        decision = decision.and(said);
    }
    settle(decision, request.now)
}

async fn ask(app: &App, policy: &InstalledPolicy, request: &DecideRequest) -> Result<Decision, String> {
    let described = async {
        let templates = &app.tenants.workshop.templates;
        let component = templates.permitted(&app.store, &app.engine, policy.component).await?;
        Ok::<_, Unusable>(app.engine.policy(&component, policy.configuration.clone()).await?)
    };
    let plugin = described.await.map_err(|error| {
        let why = error.to_string();
        app.tallies.tell((nobody(), policy.component), &why, app.now());
        why
    })?;
    let input = plugin.input(request).map_err(|fault| fault.to_string())?;
    let call = plugin.run(&input).await;
    let posed = Posed {
        hook: Hook::OnboardingPolicy,
        about: &request.registration.slug,
        component: policy.component,
        configuration: &policy.configuration,
        input: &input,
    };
    keep_decision(app, &posed, &call).await;
    call.answer.map_err(|fault| fault.to_string())
}

/// Nothing here verifies an address or a domain of somebody who is no tenant yet: whoever operates the platform does,
/// by their own means, and approves.
fn settle(decision: Decision, now: OffsetDateTime) -> Result<Verdict, Problem> {
    let hold = |status, verifications, reasons| {
        Ok(Verdict::Hold(status, Held { verifications, reasons, since: now }))
    };
    match decision {
        Decision::Approve => Ok(Verdict::Admit),
        Decision::RequireVerification(words) => {
            match words.iter().find(|word| !KNOWN.contains(&word.as_str())) {
                None => hold(TenantStatus::PendingVerification, words, Vec::new()),
                Some(unknown) => {
                    let message =
                        format!("the policy wants {unknown} to be shown, which this host does not know");
                    let reasons = vec![issue("", "unknown-verification", message)];
                    hold(TenantStatus::PendingApproval, words, reasons)
                }
            }
        }
        Decision::RequireApproval(reasons) => hold(TenantStatus::PendingApproval, Vec::new(), reasons),
        Decision::Reject(reasons) => {
            let detail = reasons.first().map(|reason| reason.message.clone()).unwrap_or_default();
            Err(Problem::new(ProblemCode::RegistrationRejected).detail(detail).with_errors(reasons))
        }
    }
}

fn issue(pointer: &str, code: &str, message: String) -> Issue {
    Issue { pointer: pointer.to_owned(), code: code.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn status(decision: Decision) -> Option<TenantStatus> {
        match settle(decision, NOW).ok()? {
            Verdict::Admit => Some(TenantStatus::Active),
            Verdict::Hold(status, _) => Some(status),
        }
    }

    #[test]
    fn nothing_but_an_approval_lets_anybody_in() {
        let wants = |words: &[&str]| {
            Decision::RequireVerification(words.iter().map(|word| (*word).to_owned()).collect())
        };
        let reasons = || vec![issue("/slug", "no", "no".to_owned())];
        assert_eq!(status(Decision::Approve), Some(TenantStatus::Active));
        assert_eq!(status(wants(&["owner-email", "domain"])), Some(TenantStatus::PendingVerification));
        assert_eq!(status(wants(&["owner-email", "passport"])), Some(TenantStatus::PendingApproval));
        assert_eq!(status(Decision::RequireApproval(reasons())), Some(TenantStatus::PendingApproval));
        assert_eq!(status(Decision::Reject(reasons())), None);
    }
}
