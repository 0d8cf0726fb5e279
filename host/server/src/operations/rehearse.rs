//! A template is asked before it matters, so that what is wrong with a subject is said to whoever brings it.

use chancery_domain::template::Issue;
use chancery_engine::{Deferral, Outcome, Template};
use serde_json::Value;
use time::OffsetDateTime;

use super::circumstances::Circumstances;
use super::look_up::missing_sources;
use super::prepare_dataset::{Asked, Unprepared, prepare_dataset};
use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode, SOON};

/// What a template would do.
pub(crate) enum Rehearsed {
    /// Issue it.
    Issues,
    /// Refuse it, for these reasons.
    Refuses(Vec<Issue>),
    /// Have the wallet come back.
    Defers(Deferral),
}

/// Asks the template; nothing will be signed.
pub(crate) async fn rehearse(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    subject: &Value,
    circumstances: &Circumstances,
    completed_at: Option<OffsetDateTime>,
) -> Result<Rehearsed, Problem> {
    let asked = Asked::rehearsal(subject, circumstances, completed_at, app.now());
    match prepare_dataset(app, issuer, template, asked).await {
        Ok(Outcome::Issue(_)) => Ok(Rehearsed::Issues),
        Ok(Outcome::Refuse(issues)) => Ok(Rehearsed::Refuses(issues)),
        Ok(Outcome::Defer(deferral)) => Ok(Rehearsed::Defers(deferral)),
        // Looked up when the wallet comes; that it can be is seen now.
        Ok(Outcome::Need(lookups)) => {
            let missing = missing_sources(app, issuer, template, &lookups).await?;
            let unset: Vec<_> = missing.iter().map(|name| not_set(template, name)).collect();
            Ok(if unset.is_empty() { Rehearsed::Issues } else { Rehearsed::Refuses(unset) })
        }
        Err(Unprepared::Unanswered(why)) => Err(Problem::new(ProblemCode::Unavailable).because(why)),
        Err(Unprepared::NonceUsed) => {
            Err(Problem::new(ProblemCode::Unavailable).because("a rehearsal uses no nonce up"))
        }
        Err(Unprepared::Store(error)) => Err(error.into()),
        Err(Unprepared::Crowded) => Err(Problem::too_many(SOON)),
        Err(Unprepared::Lost(fault)) => Err(Problem::new(ProblemCode::Unavailable).because(fault)),
        Err(Unprepared::Fault(fault)) => {
            Err(Problem::new(ProblemCode::TemplateFailed).detail(fault.to_string()).because(fault))
        }
    }
}

fn not_set(template: &Template, name: &str) -> Issue {
    let id = &template.definition().configuration_id;
    let message = format!(
        "looks something up at the source {name}, which nobody has set: `chancery source set {id} {name} URL`"
    );
    Issue { pointer: String::new(), code: "source-not-set".to_owned(), message }
}
