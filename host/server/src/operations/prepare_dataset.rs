//! A template shapes what a credential says, when it is the tenant's turn.

use chancery_engine::{Fault, FaultKind, Outcome, PrepareRequest, Purpose, Template};
use serde_json::Value;
use time::OffsetDateTime;

use crate::app::App;
use crate::issuer::Issuer;

/// Why there is no answer.
pub(crate) enum Unprepared {
    /// Too many calls of plugins are under way; none was made.
    Crowded,
    /// The template failed.
    Fault(Fault),
}

/// Asks the template, which asks its schema first. No transaction is open meanwhile.
pub(crate) async fn prepare_dataset(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    purpose: Purpose,
    subject: &Value,
    now: OffsetDateTime,
) -> Result<Outcome, Unprepared> {
    let _turn = app.turns.take(issuer.tenant()).await.ok_or(Unprepared::Crowded)?;
    let request = PrepareRequest::new(purpose, &issuer.tenant.slug, subject, now);
    template.prepare(&request).await.map_err(|fault| match fault.kind {
        FaultKind::Busy => Unprepared::Crowded,
        _ => Unprepared::Fault(fault),
    })
}
