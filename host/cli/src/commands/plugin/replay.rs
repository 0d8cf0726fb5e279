//! `chancery plugin replay` and `decisions`: what plugins decided, decided again by the server that has the question.

use std::path::Path;

use serde_json::{Value, json};

use super::read_json;
use crate::arguments::{Output, Target};
use crate::commands::{listing, show};
use crate::failure::Failure;
use crate::management::Management;

pub(super) async fn replay(
    decision: &str,
    subject: Option<&Path>,
    target: &Target,
    form: Output,
) -> Result<(), Failure> {
    let reply = if decision.starts_with("dec_") {
        if subject.is_some() {
            return Err(Failure::Usage {
                found: "what policies and licence plugins were asked is kept".into(),
                fix: "leave --subject out".into(),
            });
        }
        Management::find_platform(target)?.post(&["decisions", decision, "replay"], None).await?
    } else {
        let request = match subject {
            Some(path) => json!({ "subject": read_json(path)? }),
            None => json!({}),
        };
        Management::find(target)?.post(&["credentials", decision, "replay"], Some(&request)).await?
    };
    show(&reply, form)?;
    if reply.value.get("same").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    Err(Failure::Plugin { found: "the decision did not come out as it did then".into() })
}

pub(super) async fn decisions(target: &Target, form: Output) -> Result<(), Failure> {
    let reply = Management::find_platform(target)?.get(&["decisions"], &[]).await?;
    listing::show(&reply, &["id", "decided_at", "hook", "about", "answer", "fuel", "digest"], form)
}
