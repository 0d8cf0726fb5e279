//! A template shapes what a credential says, when it is the tenant's turn.

use std::sync::Arc;

use chancery_engine::{Answer, Fault, FaultKind, Outcome, PrepareRequest, Purpose, Template};
use chancery_store::StoreError;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::issuer::Issuer;
use crate::tallies::{Compared, Tallies};

/// Why there is no answer.
pub(crate) enum Unprepared {
    /// Too many calls of plugins are under way; none was made.
    Crowded,
    /// The process that ran it was lost; nothing came of the call, and it may be made again.
    Lost(Fault),
    /// The template failed.
    Fault(Fault),
    /// A source that it needs to know something of gave no answer; it may later.
    Unanswered(String),
    /// The database.
    Store(StoreError),
}

/// Asks the template, which asks its schema first. No transaction is open meanwhile.
pub(crate) async fn prepare_dataset(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    purpose: Purpose,
    subject: &Value,
    answers: &[Answer],
    now: OffsetDateTime,
) -> Result<Outcome, Unprepared> {
    let _turn = app.turns.take(issuer.tenant()).await.ok_or(Unprepared::Crowded)?;
    let request =
        PrepareRequest { answers, ..PrepareRequest::new(purpose, &issuer.tenant.slug, subject, now) };
    let call = template.measure(&request).await;
    let place = (issuer.tenant(), template.revision().component);
    app.tallies.count(place, &template.definition().configuration_id, &call, now);
    let answered = call.answer;
    if let (Ok(outcome), Some(shadow)) = (&answered, issuer.shadow_of(template)) {
        app.shadows.ask(app, issuer, shadow.clone(), (&request, outcome));
    }
    answered.map_err(|fault| match fault.kind {
        FaultKind::Busy => Unprepared::Crowded,
        FaultKind::Lost(_) => Unprepared::Lost(fault),
        _ => Unprepared::Fault(fault),
    })
}

/// Versions that are asked as well, so that their answers can be compared. They come after everybody else.
pub(crate) struct Shadows {
    /// How many are asked at a time; while that many are, comparisons are left out rather than awaited.
    places: Arc<Semaphore>,
}

impl Default for Shadows {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(2)) }
    }
}

impl Shadows {
    /// Asks after the answer has gone its way, and counts where the two differ.
    fn ask(&self, app: &App, issuer: &Issuer, shadow: Template, asked: (&PrepareRequest<'_>, &Outcome)) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let (request, outcome) = asked;
        let (tenant, slug) = (issuer.tenant(), issuer.tenant.slug.clone());
        let (purpose, subject, now) = (request.purpose, request.subject.clone(), request.now);
        let answers = request.answers.to_vec();
        let (tallies, outcome): (Arc<Tallies>, Outcome) = (app.tallies.clone(), outcome.clone());
        app.tasks.spawn(async move {
            let _place = place;
            let request = PrepareRequest::new(purpose, &slug, &subject, now);
            let instead = shadow.prepare(&PrepareRequest { answers: &answers, ..request }).await;
            let component = shadow.revision().component;
            tallies.count_shadow((tenant, component), Compared::of(&outcome, &instead));
        });
    }
}
