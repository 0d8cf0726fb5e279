//! A template shapes what a credential says, when it is the tenant's turn.

use std::sync::Arc;

use chancery_engine::{Answer, Fault, FaultKind, Input, Outcome, PrepareRequest, Purpose, Template};
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
    /// The proofs that it is asked for served before.
    NonceUsed,
    /// The database.
    Store(StoreError),
}

/// What a template is asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) purpose: Purpose,
    pub(crate) subject: &'a Value,
    /// What was looked up for it so far.
    pub(crate) answers: &'a [Answer],
    /// When somebody completed what was deferred.
    pub(crate) completed_at: Option<OffsetDateTime>,
    /// How well the holder's keys are kept.
    pub(crate) key_attestation: Option<&'a str>,
    pub(crate) now: OffsetDateTime,
}

impl<'a> Asked<'a> {
    /// Nothing will be signed.
    pub(crate) fn rehearsal(
        subject: &'a Value,
        completed_at: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Self {
        Self { purpose: Purpose::Offer, subject, answers: &[], completed_at, key_attestation: None, now }
    }

    fn of(&self, issuer: &'a Issuer) -> PrepareRequest<'a> {
        let Self { purpose, subject, answers, completed_at, key_attestation, now } = *self;
        let request = PrepareRequest::new(purpose, &issuer.tenant.slug, subject, now);
        PrepareRequest { answers, completed_at, key_attestation, ..request }
    }
}

/// What the template said, and what it was asked.
pub(crate) struct Prepared {
    pub(crate) outcome: Outcome,
    /// The question; none if the schema answered it.
    pub(crate) input: Option<Input>,
    /// What the answer cost.
    pub(crate) fuel: u64,
}

/// Asks the template, and is content with its answer.
pub(crate) async fn prepare_dataset(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    asked: Asked<'_>,
) -> Result<Outcome, Unprepared> {
    Ok(prepare(app, issuer, template, asked).await?.outcome)
}

/// Asks the template, which asks its schema first. No transaction is open meanwhile.
pub(crate) async fn prepare(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    asked: Asked<'_>,
) -> Result<Prepared, Unprepared> {
    let _turn = app.turns.take(issuer.tenant()).await.ok_or(Unprepared::Crowded)?;
    let request = asked.of(issuer);
    let place = (issuer.tenant(), template.revision().component);
    let (mut call, mut input) = template.measure_with_input(&request).await;
    let is_unloaded = matches!(&call.answer, Err(Fault { kind: FaultKind::Unloaded, .. }));
    if is_unloaded && app.tenants.workshop.templates.mend(&app.store, &app.engine, place.1).await {
        (call, input) = template.measure_with_input(&request).await;
    }
    app.tallies.count(place, &template.definition().configuration_id, &call, asked.now);
    let (answered, fuel) = (call.answer, call.usage.fuel);
    if let (Ok(outcome), Some(shadow)) = (&answered, issuer.shadow_of(template)) {
        app.shadows.ask(app, issuer, shadow.clone(), (&request, outcome));
    }
    answered.map(|outcome| Prepared { outcome, input, fuel }).map_err(|fault| match fault.kind {
        FaultKind::Busy => Unprepared::Crowded,
        FaultKind::Lost(_) | FaultKind::Unloaded => Unprepared::Lost(fault),
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
        let (completed_at, answers) = (request.completed_at, request.answers.to_vec());
        let kept = request.key_attestation.map(str::to_owned);
        let (tallies, outcome): (Arc<Tallies>, Outcome) = (app.tallies.clone(), outcome.clone());
        app.tasks.spawn(async move {
            let _place = place;
            let request = PrepareRequest::new(purpose, &slug, &subject, now);
            let key_attestation = kept.as_deref();
            let request = PrepareRequest { completed_at, key_attestation, answers: &answers, ..request };
            let instead = shadow.prepare(&request).await;
            let component = shadow.revision().component;
            tallies.count_shadow((tenant, component), Compared::of(&outcome, &instead));
        });
    }
}
