//! `chancery provider …`, by way of the management API.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{listing, show};
use crate::arguments::{Output, ProviderCommand};
use crate::failure::Failure;
use crate::management::Management;

pub(super) async fn obey(command: ProviderCommand, form: Output) -> Result<(), Failure> {
    match command {
        ProviderCommand::Set(set) => {
            let secret = set.secret_file.as_deref().map(read_secret).transpose()?;
            let claims: Map<String, Value> =
                set.claims.into_iter().map(|(member, claim)| (member, Value::String(claim))).collect();
            let request = json!({
                "label": set.label, "issuer": set.issuer, "client_id": set.client_id, "client_secret": secret,
                "scopes": set.scopes, "userinfo": set.userinfo, "configuration_ids": set.credentials,
                "claims": claims,
            });
            show(&Management::find(&set.target)?.put(&["providers", &set.name], &request).await?, form)
        }
        ProviderCommand::List { target } => {
            let reply = Management::find(&target)?.get(&["providers"], &[]).await?;
            let columns =
                ["name", "label", "issuer", "client_id", "configuration_ids", "redirect_uri", "set_at"];
            listing::show(&reply, &columns, form)
        }
        ProviderCommand::Remove { name, target } => {
            show(&Management::find(&target)?.delete(&["providers", &name], &[]).await?, form)
        }
    }
}

/// A secret, without the line break that editors leave.
fn read_secret(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text).map(drop)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)).map(drop)
    };
    let found = |error| format!("{} cannot be read: {error}", path.display());
    let fix = "name a file with the secret of the client".to_owned();
    read.map_err(|error| Failure::Usage { found: found(error), fix })?;
    Ok(text.trim().to_owned())
}
