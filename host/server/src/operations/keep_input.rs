//! What a template was asked is noted with the issuance, as a tag, and kept for a while where the tenant wants that.

use chancery_domain::{Dataset, IssuanceId};
use chancery_engine::{Input, Outcome};
use chancery_store::{Asked, KeptInput};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::Duration;

use super::prepare_dataset::Prepared;
use crate::app::App;
use crate::issuer::Issuer;

/// What a template was asked, and what its answer cost.
pub(crate) struct Question {
    input: Option<Input>,
    fuel: u64,
}

/// Question and answer, as they are sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) input: Input,
    /// As examples spell it.
    pub(crate) answer: Value,
}

impl Question {
    /// The answer and the question of a decision.
    pub(crate) fn apart(prepared: Prepared) -> (Outcome, Self) {
        let Prepared { outcome, input, fuel } = prepared;
        (outcome, Self { input, fuel })
    }

    /// As it stands with the issuance.
    pub(crate) fn noted(&self, issuer: &Issuer) -> Option<Asked> {
        let input = self.input.as_ref()?;
        Some(Asked { input_tag: issuer.keys.input_tag(&input.digest()), fuel: self.fuel })
    }

    /// Keeps it for as long as the tenant wants; no answer waits for that.
    pub(crate) fn keep(
        self,
        app: &App,
        issuer: &Issuer,
        issuance: IssuanceId,
        dataset: &Dataset,
        now: time::OffsetDateTime,
    ) {
        let hours = issuer.settings.input_retention_hours;
        let (Some(input), 1..) = (self.input, hours) else { return };
        let answer = Outcome::Issue(dataset.clone()).spelled();
        let Ok(plain) = serde_json::to_vec(&Kept { input, answer }) else { return };
        let sealed = issuer.keys.seal_input(issuance.uuid(), &plain, app.random.as_ref());
        let expires_at = now + Duration::hours(hours.into());
        app.jobs.keep_input(issuer.tenant(), KeptInput { issuance, sealed, expires_at });
    }
}
