//! `chancery halt …`, by way of the management API, or as an operator of the platform-admin API.

use serde_json::{Value, json};

use super::{listing, show};
use crate::arguments::{HaltCommand, Order, Output, Where};
use crate::failure::Failure;
use crate::management::Management;

pub(super) async fn obey(command: HaltCommand, form: Output) -> Result<(), Failure> {
    match command {
        // Where there is no platform, `halt tenant` is the same.
        HaltCommand::All(Order { reason, at }) => {
            let at = Where { platform: true, ..at };
            post(&at, &json!({ "scope": "global", "reason": reason }), form).await
        }
        HaltCommand::Tenant { id, order: Order { reason, at } } => {
            post(&at, &json!({ "scope": "tenant", "tenant": id, "reason": reason }), form).await
        }
        HaltCommand::Plugin { digest, of, order: Order { reason, at } } => {
            let request = json!({ "scope": "plugin", "component": digest, "tenant": of, "reason": reason });
            post(&at, &request, form).await
        }
        HaltCommand::Key { kid, of, order: Order { reason, at } } => {
            post(&at, &json!({ "scope": "key", "kid": kid, "tenant": of, "reason": reason }), form).await
        }
        HaltCommand::List(at) => {
            let reply = api(&at)?.get(&["halts"], &[]).await?;
            listing::show(&reply, &["id", "scope", "tenant", "by", "since", "reason"], form)
        }
        HaltCommand::Lift { id, at } => show(&api(&at)?.delete(&["halts", &id], &[]).await?, form),
    }
}

async fn post(at: &Where, request: &Value, form: Output) -> Result<(), Failure> {
    show(&api(at)?.post(&["halts"], Some(request)).await?, form)
}

fn api(at: &Where) -> Result<Management, Failure> {
    if at.platform { Management::find_platform(&at.target) } else { Management::find(&at.target) }
}
