//! What a server keeps and runs: push, list, activate, roll back, read what plugins said.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{configuration, publish, read_component};
use crate::arguments::{How, KeptCommand, One, Output, Shelf};
use crate::commands::{listing, show};
use crate::failure::Failure;
use crate::management::{Management, Reply};
use crate::output;

/// How often is looked for new lines.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const VERSIONS: [&str; 8] =
    ["name", "version", "hook", "owner", "approval", "quarantined", "publisher", "digest"];
const ACTIVATIONS: [&str; 6] = ["configuration_id", "part", "share", "decided_by", "since", "digest"];

pub(super) async fn obey(command: KeptCommand, form: Output) -> Result<(), Failure> {
    match command {
        KeptCommand::Push { file, activate, signature, how, at } => {
            let signature = publish::signature_for(&file, signature.as_deref())?;
            push(&file, signature.as_deref(), activate.then_some(&how), &at, form).await
        }
        KeptCommand::List(at) => listing::show(&api(&at)?.get(&["plugins"], &[]).await?, &VERSIONS, form),
        KeptCommand::Show(one) => {
            let (api, digest) = find(&one).await?;
            show(&api.get(&["plugins", &digest], &[]).await?, form)
        }
        KeptCommand::Approve(one) => approve(&one, form).await,
        KeptCommand::Discard(one) => {
            let (api, digest) = find(&one).await?;
            show(&api.delete(&["plugins", &digest], &[]).await?, form)
        }
        KeptCommand::Quarantine { plugin, reason, target } => {
            let platform = Management::has_platform(&target)?;
            let (api, digest) = find(&One { plugin, at: Shelf { platform, of: None, target } }).await?;
            let reason = json!({ "reason": reason });
            show(&api.post(&["plugins", &digest, "quarantine"], Some(&reason)).await?, form)
        }
        KeptCommand::Release { plugin, target } => {
            let platform = Management::has_platform(&target)?;
            let (api, digest) = find(&One { plugin, at: Shelf { platform, of: None, target } }).await?;
            show(&api.post(&["plugins", &digest, "release"], None).await?, form)
        }
        KeptCommand::Metrics(one) => {
            let (api, digest) = find(&one).await?;
            show(&api.get(&["plugins", &digest, "metrics"], &[]).await?, form)
        }
        KeptCommand::Logs { one, follow } => logs(&one, follow, form).await,
        KeptCommand::Activate { plugin, how, at } => {
            let one = One { plugin, at };
            let (api, digest) = find(&one).await?;
            show(&activate(&api, &digest, &how, &one.at).await?, form)
        }
        KeptCommand::Active(at) => {
            listing::show(&api(&at)?.get(&path(&at, &["activations"]), &[]).await?, &ACTIVATIONS, form)
        }
        KeptCommand::Rollback { configuration_id, at } => {
            let path = path(&at, &["activations", &configuration_id, "rollback"]);
            listing::show(&api(&at)?.post(&path, None).await?, &ACTIVATIONS, form)
        }
        KeptCommand::Deactivate { configuration_id, at } => {
            show(&api(&at)?.delete(&path(&at, &["activations", &configuration_id]), &[]).await?, form)
        }
    }
}

fn api(at: &Shelf) -> Result<Management, Failure> {
    if at.platform { Management::find_platform(&at.target) } else { Management::find(&at.target) }
}

/// The path of something that an operator has for all or for one tenant.
fn path<'a>(at: &'a Shelf, path: &[&'a str]) -> Vec<&'a str> {
    let of = at.of.as_deref().map(|id| ["tenants", id]);
    of.iter().flatten().copied().chain(path.iter().copied()).collect()
}

async fn push(
    file: &Path,
    signature: Option<&str>,
    then: Option<&How>,
    at: &Shelf,
    form: Output,
) -> Result<(), Failure> {
    let (api, component) = (api(at)?, read_component(file)?);
    let uploaded = api.upload(&["plugins"], component, signature).await?;
    let Some(how) = then else { return show(&uploaded, form) };
    let digest = uploaded.value.get("digest").and_then(Value::as_str).unwrap_or_default();
    show(&activate(&api, digest, how, at).await?, form)
}

async fn activate(api: &Management, digest: &str, how: &How, at: &Shelf) -> Result<Reply, Failure> {
    let mut request = json!({
        "digest": digest, "configuration": configuration(how.configured.configuration.as_deref())?
    });
    if let Some(members) = request.as_object_mut() {
        if let Some(share) = how.canary {
            members.extend([("part".to_owned(), json!("canary")), ("share".to_owned(), json!(share))]);
        } else if how.shadow {
            members.insert("part".to_owned(), json!("shadow"));
        }
    }
    api.post(&path(at, &["activations"]), Some(&request)).await
}

async fn approve(one: &One, form: Output) -> Result<(), Failure> {
    // What waits on a tenant's shelf is in no list of the platform's: it goes by its whole digest.
    if one.at.of.is_some() {
        let path = path(&one.at, &["plugins", &one.plugin, "approve"]);
        return show(&api(&one.at)?.post(&path, None).await?, form);
    }
    let (api, digest) = find(one).await?;
    show(&api.post(&["plugins", &digest, "approve"], None).await?, form)
}

async fn logs(one: &One, follow: bool, form: Output) -> Result<(), Failure> {
    let (api, digest) = find(one).await?;
    let mut after = 0;
    loop {
        let reply = api.get(&["plugins", &digest, "logs"], &[("after", after.to_string())]).await?;
        let lines = reply.value.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
        for line in &lines {
            after = line.get("number").and_then(Value::as_u64).unwrap_or(after);
            match form {
                Output::Json => output::data(&line.to_string())?,
                Output::Text => {
                    let word = |name: &str| line.get(name).map(output::word).unwrap_or_default();
                    output::data(&format!("{}  {:<5}  {}", word("at"), word("level"), word("message")))?;
                }
            }
        }
        if !follow {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The one plugin that is meant: by its digest, the beginning of it, or its name and version.
pub(super) async fn find(one: &One) -> Result<(Management, String), Failure> {
    let api = api(&one.at)?;
    let wanted = one.plugin.as_str();
    if wanted.len() == 64 && wanted.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok((api, wanted.to_owned()));
    }
    let reply = api.get(&["plugins"], &[]).await?;
    let versions = reply.value.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut meant: Vec<&str> = versions.iter().filter_map(|version| named(version, wanted)).collect();
    match (meant.pop(), meant.len()) {
        (Some(digest), 0) => Ok((api, digest.to_owned())),
        (None, _) => Err(Failure::Usage {
            found: format!("there is no plugin {wanted:?} here"),
            fix: "`chancery plugin list` shows what there is".into(),
        }),
        (Some(_), others) => Err(Failure::Usage {
            found: format!("{} plugins are called {wanted:?}", others + 1),
            fix: "write more of the digest".into(),
        }),
    }
}

fn named<'a>(version: &'a Value, wanted: &str) -> Option<&'a str> {
    let text = |name: &str| version.get(name).and_then(Value::as_str);
    let (digest, name, number) = (text("digest")?, text("name")?, text("version")?);
    let by_digest = wanted.len() >= 4 && digest.starts_with(wanted);
    let by_name = wanted.split_once('@').map_or(wanted == name, |wanted| wanted == (name, number));
    (by_digest || by_name).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_goes_by_its_name_its_version_or_the_beginning_of_its_digest() {
        let version = json!({ "digest": "9f86d081aa", "name": "badge", "version": "0.2.0" });
        for (wanted, is_it) in [
            ("badge", true),
            ("badge@0.2.0", true),
            ("9f86d081", true),
            ("9f8", false),
            ("badge@0.3.0", false),
            ("bad", false),
        ] {
            assert_eq!(named(&version, wanted).is_some(), is_it, "{wanted}");
        }
    }
}
