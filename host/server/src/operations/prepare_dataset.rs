//! A template shapes what a credential says, when it is the tenant's turn.

use std::sync::Arc;

use chancery_engine::{Answer, Fault, FaultKind, Input, Outcome, PrepareRequest, Purpose, Template};
use chancery_store::StoreError;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use super::circumstances::Circumstances;
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
    pub(crate) circumstances: &'a Circumstances,
    pub(crate) now: OffsetDateTime,
}

impl<'a> Asked<'a> {
    /// Nothing will be signed.
    pub(crate) fn rehearsal(
        subject: &'a Value,
        circumstances: &'a Circumstances,
        completed_at: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Self {
        let (purpose, answers, key_attestation) = (Purpose::Offer, [].as_slice(), None);
        Self { purpose, subject, answers, completed_at, key_attestation, circumstances, now }
    }

    fn of(&self, tenant: &'a str) -> PrepareRequest<'a> {
        let Self { purpose, subject, answers, completed_at, key_attestation, circumstances, now } = *self;
        PrepareRequest {
            answers,
            completed_at,
            key_attestation,
            authentication: circumstances.authentication.as_ref(),
            upstream_claims: circumstances.upstream_claims.as_ref(),
            prior_issuances: circumstances.prior_issuances,
            ..PrepareRequest::new(purpose, tenant, subject, now)
        }
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
    let request = asked.of(&issuer.tenant.slug);
    let place = (issuer.tenant(), template.revision().component);
    let (mut call, mut input) = template.measure_with_input(&request).await;
    let is_unloaded = matches!(&call.answer, Err(Fault { kind: FaultKind::Unloaded, .. }));
    if is_unloaded && app.tenants.workshop.templates.mend(&app.store, &app.engine, place.1).await {
        (call, input) = template.measure_with_input(&request).await;
    }
    let asked_of = (issuer.tenant(), template.revision());
    app.tallies.count(asked_of, &template.definition().configuration_id, &call, asked.now);
    let (answered, fuel) = (call.answer, call.usage.fuel);
    if let (Ok(outcome), Some(shadow)) = (&answered, issuer.shadow_of(template)) {
        app.shadows.ask(app, issuer, shadow.clone(), asked, outcome);
    }
    answered.map(|outcome| Prepared { outcome, input, fuel }).map_err(|fault| match fault.kind {
        FaultKind::Busy => Unprepared::Crowded,
        FaultKind::Lost(_) | FaultKind::Crash | FaultKind::Unloaded => Unprepared::Lost(fault),
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
    fn ask(&self, app: &App, issuer: &Issuer, shadow: Template, asked: Asked<'_>, outcome: &Outcome) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let (tenant, slug) = (issuer.tenant(), issuer.tenant.slug.clone());
        let Asked { purpose, completed_at, now, .. } = asked;
        let (subject, answers) = (asked.subject.clone(), asked.answers.to_vec());
        let kept = asked.key_attestation.map(str::to_owned);
        let circumstances = asked.circumstances.clone();
        let (tallies, outcome): (Arc<Tallies>, Outcome) = (app.tallies.clone(), outcome.clone());
        app.tasks.spawn(async move {
            let _place = place;
            let (subject, answers, circumstances) = (&subject, answers.as_slice(), &circumstances);
            let key_attestation = kept.as_deref();
            let asked =
                Asked { purpose, subject, answers, completed_at, key_attestation, circumstances, now };
            let instead = shadow.measure(&asked.of(&slug)).await;
            let (place, compared) =
                ((tenant, shadow.revision().component), Compared::of(&outcome, &instead.answer));
            tallies.count_shadow(place, &instead, compared, now);
        });
    }
}
