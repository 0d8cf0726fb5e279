//! Policies and licences of a platform: what decides on registrations, and what bounds them.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{at_server, configuration};
use crate::arguments::{Configured, One, Output, Shelf, Target};
use crate::commands::license::read_document;
use crate::commands::{listing, show};
use crate::failure::Failure;
use crate::management::Management;

/// What is to be installed, and as what.
pub(super) struct Install {
    pub(super) plugin: String,
    pub(super) name: Option<String>,
    pub(super) document: Option<PathBuf>,
    pub(super) configured: Configured,
}

pub(super) async fn install(of: Install, target: Target, form: Output) -> Result<(), Failure> {
    let Install { plugin, name, document, configured } = of;
    let one = One { plugin, at: Shelf { platform: true, of: None, target } };
    let (api, digest) = at_server::find(&one).await?;
    let version = api.get(&["plugins", &digest], &[]).await?.value;
    let text = |member: &str| version.get(member).and_then(Value::as_str).unwrap_or_default();
    let mut request =
        json!({ "digest": digest, "configuration": configuration(configured.configuration.as_deref())? });
    let unfit = |found: &str, fix: &str| Failure::Usage { found: found.into(), fix: fix.into() };
    match (text("hook"), document) {
        ("onboarding-policy", None) => {
            let name = name.as_deref().unwrap_or(text("name"));
            show(&api.put(&["policies", name], &request).await?, form)
        }
        ("onboarding-policy", Some(_)) => Err(unfit(
            "a policy reads no document",
            "leave --document out, or install a plugin that reads licences",
        )),
        ("license", document) => {
            if name.is_some() {
                return Err(unfit("there is one licence, and it has no name", "leave --name out"));
            }
            if let (Some(path), Some(members)) = (document, request.as_object_mut()) {
                members.insert("document".to_owned(), read_document(&path)?.into());
            }
            show(&api.put(&["license"], &request).await?, form)
        }
        _ => Err(unfit(
            "the plugin is a credential template",
            "`chancery plugin activate` makes it what answers for its credential type",
        )),
    }
}

pub(super) async fn list(target: &Target, form: Output) -> Result<(), Failure> {
    let reply = Management::find_platform(target)?.get(&["policies"], &[]).await?;
    listing::show(&reply, &["name", "configuration", "installed_at", "digest"], form)
}

pub(super) async fn uninstall(name: &str, target: &Target, form: Output) -> Result<(), Failure> {
    show(&Management::find_platform(target)?.delete(&["policies", name], &[]).await?, form)
}
