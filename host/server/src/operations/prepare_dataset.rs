//! A template shapes what a credential says, when it is the tenant's turn.

use std::sync::Arc;

use chancery_engine::{Fault, FaultKind, Outcome, PrepareRequest, Purpose, Template};
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
}

/// What a template is asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) purpose: Purpose,
    pub(crate) subject: &'a Value,
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
        Self { purpose: Purpose::Offer, subject, completed_at, key_attestation: None, now }
    }

    fn of(&self, issuer: &'a Issuer) -> PrepareRequest<'a> {
        let Self { purpose, subject, completed_at, key_attestation, now } = *self;
        let request = PrepareRequest::new(purpose, &issuer.tenant.slug, subject, now);
        PrepareRequest { completed_at, key_attestation, ..request }
    }
}

/// Asks the template, which asks its schema first. No transaction is open meanwhile.
pub(crate) async fn prepare_dataset(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    asked: Asked<'_>,
) -> Result<Outcome, Unprepared> {
    let _turn = app.turns.take(issuer.tenant()).await.ok_or(Unprepared::Crowded)?;
    let request = asked.of(issuer);
    let call = template.measure(&request).await;
    let place = (issuer.tenant(), template.revision().component);
    app.tallies.count(place, &template.definition().configuration_id, &call, asked.now);
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
        let completed_at = request.completed_at;
        let kept = request.key_attestation.map(str::to_owned);
        let (tallies, outcome): (Arc<Tallies>, Outcome) = (app.tallies.clone(), outcome.clone());
        app.tasks.spawn(async move {
            let _place = place;
            let request = PrepareRequest::new(purpose, &slug, &subject, now);
            let key_attestation = kept.as_deref();
            let request = PrepareRequest { completed_at, key_attestation, ..request };
            let instead = shadow.prepare(&request).await;
            let component = shadow.revision().component;
            tallies.count_shadow((tenant, component), Compared::of(&outcome, &instead));
        });
    }
}
