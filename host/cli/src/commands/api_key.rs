//! `chancery api-key …`: keys for the management API, by way of it.

use serde_json::json;

use super::{listing, show};
use crate::arguments::{ApiKeyCommand, Output};
use crate::failure::Failure;
use crate::management::Management;
use crate::output;

pub(super) async fn obey(command: ApiKeyCommand, form: Output) -> Result<(), Failure> {
    match command {
        ApiKeyCommand::Create { name, scopes, target } => {
            let request = json!({"name": name, "scopes": scopes});
            let reply = Management::find(&target)?.post(&["api-keys"], Some(&request)).await?;
            show(&reply, form)?;
            if form == Output::Text {
                output::talk("\nKeep the key now; it is not shown again.");
            }
            Ok(())
        }
        ApiKeyCommand::List { target } => {
            let reply = Management::find(&target)?.get(&["api-keys"], &[]).await?;
            listing::show(&reply, &["id", "name", "scopes", "created_at"], form)
        }
    }
}
