//! `chancery halt …`, by way of the management API, or as an operator of the platform-admin API.

use serde_json::{Value, json};

use super::{listing, show};
use crate::arguments::{HaltCommand, Order, Output, Where};
use crate::failure::Failure;
use crate::management::Management;

pub(super) async fn obey(command: HaltCommand, form: Output) -> Result<(), Failure> {
    match command {
        // Where there is no platform, `halt tenant` is the same.
        HaltCommand::All(order) => {
            let at = Where { platform: true, ..order.at };
            post(Order { at, ..order }, json!({ "scope": "global" }), form).await
        }
        HaltCommand::Tenant { id, order } => {
            post(order, json!({ "scope": "tenant", "tenant": id }), form).await
        }
        HaltCommand::Plugin { digest, of, order } => {
            post(order, json!({ "scope": "plugin", "component": digest, "tenant": of }), form).await
        }
        HaltCommand::Key { kid, of, order } => {
            post(order, json!({ "scope": "key", "kid": kid, "tenant": of }), form).await
        }
        HaltCommand::List(at) => {
            let reply = api(&at)?.get(&["halts"], &[]).await?;
            listing::show(&reply, &["id", "scope", "tenant", "by", "since", "reason"], form)
        }
        HaltCommand::Lift { id, at } => show(&api(&at)?.delete(&["halts", &id], &[]).await?, form),
    }
}

async fn post(order: Order, mut request: Value, form: Output) -> Result<(), Failure> {
    request["reason"] = order.reason.into();
    show(&api(&order.at)?.post(&["halts"], Some(&request)).await?, form)
}

fn api(at: &Where) -> Result<Management, Failure> {
    if at.platform { Management::find_platform(&at.target) } else { Management::find(&at.target) }
}
