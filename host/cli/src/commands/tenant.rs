//! `chancery tenant …` and `chancery bootstrap`, by way of the platform-admin API.

use serde_json::{Value, json};

use super::{listing, show};
use crate::arguments::{OneTenant, Output, Target, TenantCommand};
use crate::failure::Failure;
use crate::management::Management;
use crate::output;

pub(super) async fn obey(command: TenantCommand, form: Output) -> Result<(), Failure> {
    match command {
        TenantCommand::Create { slug, name, parent, owner, target } => {
            let owner = owner.map(|email| json!({ "email": email }));
            let request = json!({ "slug": slug, "name": name, "parent": parent, "owner": owner });
            show(&Management::find_platform(&target)?.post(&["tenants"], Some(&request)).await?, form)?;
            kept(form);
            Ok(())
        }
        TenantCommand::List { search, part, target } => {
            let mut query = listing::query(&part);
            query.extend(search.map(|text| ("search", text)));
            let reply = Management::find_platform(&target)?.get(&["tenants"], &query).await?;
            listing::show(&reply, &["id", "slug", "status", "name", "created_at"], form)
        }
        TenantCommand::Show(OneTenant { id, target }) => {
            show(&Management::find_platform(&target)?.get(&["tenants", &id], &[]).await?, form)
        }
        TenantCommand::Waiting { target } => waiting(&target, form).await,
        TenantCommand::Approve(one) => change(one, "approve", form).await,
        TenantCommand::Reject(one) => change(one, "reject", form).await,
        TenantCommand::Suspend(one) => change(one, "suspend", form).await,
        TenantCommand::Resume(one) => change(one, "resume", form).await,
        TenantCommand::Close(one) => change(one, "close", form).await,
        TenantCommand::Delete { tenant: OneTenant { id, target }, honour_until } => {
            let query = honour_until.map(|until| [("credentials", "honour".to_owned()), ("until", until)]);
            let query = query.as_ref().map_or(&[][..], |query| &query[..]);
            show(&Management::find_platform(&target)?.delete(&["tenants", &id], query).await?, form)
        }
    }
}

/// People get a line for each, with what is to be looked at.
async fn waiting(target: &Target, form: Output) -> Result<(), Failure> {
    let mut reply = Management::find_platform(target)?.get(&["registrations"], &[]).await?;
    if form == Output::Text
        && let Some(rows) = reply.value.get_mut("data").and_then(Value::as_array_mut)
    {
        for row in rows {
            let reasons = row.get("reasons").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let messages: Vec<&str> = reasons.iter().filter_map(|it| it.get("message")?.as_str()).collect();
            let messages = messages.join("; ");
            let tenant = |name: &str| row.pointer(&format!("/tenant/{name}")).cloned().unwrap_or_default();
            *row = json!({
                "id": tenant("id"), "slug": tenant("slug"), "status": tenant("status"),
                "channel": row.get("channel"), "held_since": row.get("held_since"),
                "verifications": row.get("verifications"), "reasons": messages,
            });
        }
    }
    let columns = ["id", "slug", "status", "channel", "held_since", "verifications", "reasons"];
    listing::show(&reply, &columns, form)
}

async fn change(OneTenant { id, target }: OneTenant, verb: &str, form: Output) -> Result<(), Failure> {
    show(&Management::find_platform(&target)?.post(&["tenants", &id, verb], None).await?, form)
}

/// Claims a platform that nobody operates yet.
pub(super) async fn bootstrap(url: &str, name: &str, form: Output) -> Result<(), Failure> {
    let api = Management::anonymous(&format!("{}/api", url.trim_end_matches('/')))?;
    show(&api.post(&["bootstrap"], Some(&json!({ "name": name }))).await?, form)?;
    kept(form);
    Ok(())
}

fn kept(form: Output) {
    if form == Output::Text {
        output::talk("\nKeep the token now; it is not shown again.");
    }
}
