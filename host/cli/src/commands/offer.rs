//! `chancery offer …`: offers, by way of the management API.

use std::io::Read as _;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{listing, show};
use crate::arguments::{CreateOffer, OfferCommand, Output};
use crate::failure::Failure;
use crate::management::{Management, Reply};
use crate::output;

pub(super) async fn obey(command: OfferCommand, form: Output) -> Result<(), Failure> {
    match command {
        OfferCommand::Create(create) => create_offer(create, form).await,
        OfferCommand::Show { id, target } => {
            show(&Management::find(&target)?.get(&["offers", &id], &[]).await?, form)
        }
        OfferCommand::List { part, target } => {
            let reply = Management::find(&target)?.get(&["offers"], &listing::query(&part)).await?;
            let columns = ["id", "state", "configuration_ids", "created_at", "expires_at"];
            listing::show(&reply, &columns, form)
        }
        OfferCommand::Cancel { id, target } => {
            let reply = Management::find(&target)?.delete(&["offers", &id], &[]).await?;
            output::talk(&format!("withdrawn: {}", output::plain(&id)));
            if reply.value.is_null() { Ok(()) } else { show(&reply, form) }
        }
    }
}

/// `POST /offers`.
#[derive(Serialize)]
struct OfferRequest {
    credentials: [OfferedCredential; 1],
    tx_code: bool,
    by_value: bool,
    grant: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u32>,
}

#[derive(Serialize)]
struct OfferedCredential {
    configuration_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Value>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deferred: bool,
}

async fn create_offer(create: CreateOffer, form: Output) -> Result<(), Failure> {
    let subject = create.subject.as_deref().map(read_subject).transpose()?;
    let request = OfferRequest {
        credentials: [OfferedCredential {
            configuration_id: create.configuration,
            subject,
            deferred: create.deferred,
        }],
        tx_code: create.tx_code,
        by_value: create.by_value,
        grant: if create.sign_in { "authorization_code" } else { "pre-authorized_code" },
        expires_in: create.expires_in,
    };
    let request = serde_json::to_value(request).map_err(std::io::Error::other)?;
    let reply = Management::find(&create.target)?.post(&["offers"], Some(&request)).await?;
    show(&reply, form)?;
    if form == Output::Text {
        advise(&reply);
    }
    Ok(())
}

/// What to do with a new offer.
fn advise(reply: &Reply) {
    let text = |name: &str| reply.value.get(name).and_then(Value::as_str).map(output::plain);
    if let Some(page) = text("page_url") {
        output::talk(&format!("\nSend the link to the holder, or let them scan it at {page}"));
    }
    let code = text("tx_code").map(|code| {
        output::talk("Tell them the transaction code over another channel; it is not shown again.");
        format!(" --tx-code {code}")
    });
    let deferrals = reply.value.get("deferrals").and_then(Value::as_array).into_iter().flatten();
    for id in deferrals.filter_map(|deferral| deferral.get("id")?.as_str()) {
        output::talk(&format!(
            "It is issued when you say so: chancery deferral complete {}",
            output::plain(id)
        ));
    }
    if let Some(link) = text("offer_uri") {
        output::talk(&format!("Or try it: chancery wallet claim '{link}'{}", code.unwrap_or_default()));
    }
}

pub(super) fn read_subject(path: &Path) -> Result<Value, Failure> {
    let mut text = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut text).map(drop)
    } else {
        std::fs::read(path).map(|content| text = content)
    };
    read.map_err(|error| Failure::Usage {
        found: format!("the subject {} cannot be read: {error}", path.display()),
        fix: "name a JSON file in --subject, or `-` for stdin".into(),
    })?;
    chancery_protocol::json::from_slice_strict(&text).map_err(|error| Failure::Usage {
        found: format!("the subject {} is no JSON document: {error}", path.display()),
        fix: "write e.g. {\"given_name\": \"Ada\", \"family_name\": \"Lovelace\"}".into(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_subject_that_is_missing_or_broken_is_wrong_usage() {
        let path = std::env::temp_dir().join(format!("chancery-subject-{}.json", std::process::id()));
        assert_eq!(read_subject(&path).unwrap_err().exit_code(), 2);
        std::fs::write(&path, r#"{"a": 1, "a": 2}"#).unwrap();
        assert_eq!(read_subject(&path).unwrap_err().exit_code(), 2);
        std::fs::write(&path, r#"{"a": 1}"#).unwrap();
        assert_eq!(read_subject(&path).unwrap(), json!({"a": 1}));
        std::fs::remove_file(&path).unwrap();
    }
}
