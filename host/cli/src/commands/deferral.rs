//! `chancery deferral …`: what somebody has yet to decide on, by way of the management API.

use serde_json::{Map, Value, json};

use super::offer::read_subject;
use super::{listing, show};
use crate::arguments::{DeferralCommand, Output};
use crate::failure::Failure;
use crate::management::Management;

pub(super) async fn obey(command: DeferralCommand, form: Output) -> Result<(), Failure> {
    match command {
        DeferralCommand::List { state, offer, part, target } => {
            let mut query = listing::query(&part);
            query.extend(state.map(|state| ("state", state)));
            query.extend(offer.map(|offer| ("offer", offer)));
            let reply = Management::find(&target)?.get(&["deferrals"], &query).await?;
            let columns = ["id", "state", "configuration_id", "offer", "subject_needed", "expires_at"];
            listing::show(&reply, &columns, form)
        }
        DeferralCommand::Show { id, target } => {
            show(&Management::find(&target)?.get(&["deferrals", &id], &[]).await?, form)
        }
        DeferralCommand::Complete { id, subject, target } => {
            let subject = subject.as_deref().map(read_subject).transpose()?;
            let body: Map<String, Value> =
                subject.into_iter().map(|subject| ("subject".to_owned(), subject)).collect();
            let path = ["deferrals", &id, "complete"];
            show(&Management::find(&target)?.post(&path, Some(&body.into())).await?, form)
        }
        DeferralCommand::Refuse { id, reason, target } => {
            let path = ["deferrals", &id, "refuse"];
            show(&Management::find(&target)?.post(&path, Some(&json!({ "reason": reason }))).await?, form)
        }
    }
}
