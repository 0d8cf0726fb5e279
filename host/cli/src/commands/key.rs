//! `chancery key …`: signing keys, by way of the management API; the master, on the server.

use std::io::Read as _;
use std::path::Path;

use chancery_server::config::Config;
use serde_json::{Value, json};

use super::{listing, show};
use crate::arguments::{KeyCommand, Output, Rotate};
use crate::failure::Failure;
use crate::management::Management;
use crate::output;

pub(super) async fn obey(command: KeyCommand, form: Output) -> Result<(), Failure> {
    match command {
        KeyCommand::List { target } => {
            let reply = Management::find(&target)?.get(&["keys"], &[]).await?;
            listing::show(
                &reply,
                &["use", "version", "state", "algorithm", "kid", "not_before", "retires_at"],
                form,
            )
        }
        KeyCommand::Rotate(Rotate { activate_in, compromised, revoke, target }) => {
            let request = json!({ "compromised": compromised, "revoke": revoke, "activate_in": activate_in });
            let reply = Management::find(&target)?.post(&["keys", "rotate"], Some(&request)).await?;
            show(&reply, form)?;
            if form == Output::Text && compromised && !revoke {
                output::talk("\nWhat the old key signed is still valid; `chancery key revoke` ends that.");
            }
            Ok(())
        }
        KeyCommand::Import { jwk, activate_in, target } => {
            let request = json!({ "jwk": read_jwk(&jwk)?, "activate_in": activate_in });
            show(&Management::find(&target)?.post(&["keys", "import"], Some(&request)).await?, form)
        }
        KeyCommand::Authority { country, target } => {
            let mut chosen = json!({ "certificate_authority": "own" });
            if let (Some(country), Some(members)) = (country, chosen.as_object_mut()) {
                members.insert("certificate_country".to_owned(), country.into());
            }
            show(&Management::find(&target)?.patch(&["configuration"], &chosen).await?, form)
        }
        KeyCommand::Request { kid, common_name, organization, country, target } => {
            let named = [("common_name", common_name), ("organization", organization), ("country", country)];
            let query: Vec<_> =
                named.into_iter().filter_map(|(name, text)| text.map(|text| (name, text))).collect();
            let path = ["keys", &kid, "certificate-request"];
            let reply = Management::find(&target)?.get(&path, &query).await?;
            match (form, reply.value.get("certificate_request").and_then(Value::as_str)) {
                // What authorities read is the text itself.
                (Output::Text, Some(pem)) => Ok(output::data(pem.trim_end())?),
                _ => show(&reply, form),
            }
        }
        KeyCommand::Certify { kid, chain, remove: _, target } => {
            let path = ["keys", &kid, "certificate"];
            let management = Management::find(&target)?;
            let reply = match chain {
                Some(chain) => management.put(&path, &json!({ "chain": read_chain(&chain)? })).await?,
                None => management.delete(&path, &[]).await?,
            };
            show(&reply, form)
        }
        KeyCommand::RotateMaster { compromised } => {
            let done = chancery_server::rotate_master(&Config::from_environment()?, compromised).await?;
            match form {
                Output::Json => {
                    output::data(&json!({ "resealed": done.resealed, "moved": done.moved }).to_string())?;
                }
                Output::Text => output::talk(&format!(
                    "sealed {} tenants anew, moved {} to new keys; start every host with the new master alone, \
                     then destroy the old one",
                    done.resealed, done.moved
                )),
            }
            Ok(())
        }
        KeyCommand::Revoke { kid, target } => {
            show(&Management::find(&target)?.post(&["keys", &kid, "revoke"], None).await?, form)
        }
    }
}

fn read_jwk(path: &Path) -> Result<Value, Failure> {
    let unusable = |found: String| Failure::Usage { found, fix: "name a file with one private JWK".into() };
    let text = read(path).map_err(unusable)?;
    // The parser's own message could quote what it read.
    chancery_protocol::json::from_slice_strict(&text)
        .map_err(|_| unusable(format!("{} is no JSON document", path.display())))
}

fn read_chain(path: &Path) -> Result<String, Failure> {
    let unusable =
        |found: String| Failure::Usage { found, fix: "name a file with certificates in PEM".into() };
    let text = read(path).map_err(unusable)?;
    String::from_utf8(text).map_err(|_| unusable(format!("{} is no text", path.display())))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut text).map(drop)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut text)).map(drop)
    };
    read.map(|()| text).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}
