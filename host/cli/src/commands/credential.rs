//! `chancery credential …`: issued credentials, by way of the management API.

use super::{listing, show};
use crate::arguments::{CredentialCommand, OneCredential, Output};
use crate::failure::Failure;
use crate::management::Management;

pub(super) async fn obey(command: CredentialCommand, form: Output) -> Result<(), Failure> {
    match command {
        CredentialCommand::List { offer, part, target } => {
            let mut query = listing::query(&part);
            query.extend(offer.map(|offer| ("offer", offer)));
            let reply = Management::find(&target)?.get(&["credentials"], &query).await?;
            let columns = ["id", "status", "configuration_id", "offer", "issued_at", "expires_at"];
            listing::show(&reply, &columns, form)
        }
        CredentialCommand::Show(OneCredential { id, target }) => {
            show(&Management::find(&target)?.get(&["credentials", &id], &[]).await?, form)
        }
        CredentialCommand::Revoke(one) => change(one, "revoke", form).await,
        CredentialCommand::Suspend(one) => change(one, "suspend", form).await,
        CredentialCommand::Reinstate(one) => change(one, "reinstate", form).await,
    }
}

async fn change(
    OneCredential { id, target }: OneCredential,
    verb: &str,
    form: Output,
) -> Result<(), Failure> {
    show(&Management::find(&target)?.post(&["credentials", &id, verb], None).await?, form)
}
