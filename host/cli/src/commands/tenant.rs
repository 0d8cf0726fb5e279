//! `chancery tenant …` and `chancery bootstrap`, by way of the platform-admin API.

use serde_json::json;

use super::{listing, show};
use crate::arguments::{OneTenant, Output, TenantCommand};
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
