//! After a restore: what was published and the database forgot is put back, as far as it is for ever.
//!
//! Every host does so with the lists in its own data directory. To do it again changes nothing.

use chancery_credential::jose::Jwk;
use chancery_credential::status_list;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::{CredentialStatus, TenantId};
use chancery_store::{PublishedStatuses, StoreError};
use serde_json::json;
use time::OffsetDateTime;

use crate::app::App;
use crate::kept_lists::Label;

/// Why a list was not taken back.
#[derive(Debug, thiserror::Error)]
enum NotRecovered {
    #[error("its file is damaged or another's: {0}")]
    Damaged(&'static str),
    #[error("it was signed by a key that the database does not know")]
    UnknownKey,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Goes through the lists that this host keeps. Fails if the database does; what else cannot be taken back is
/// answered, in words for the operator.
pub(crate) async fn recover_statuses(app: &App) -> Result<Vec<String>, StoreError> {
    let mut left = Vec::new();
    let lists = app.kept_lists.clone();
    let published =
        app.tasks.spawn_blocking(move || lists.all().collect::<Vec<_>>()).await.unwrap_or_default();
    for (label, token) in published {
        match recover_list(app, &label, &token).await {
            Ok(()) => {}
            Err(NotRecovered::Store(error)) => return Err(error),
            Err(reason) => {
                let (tenant, list) = (&label.tenant, label.list);
                tracing::error!(tenant, list, %reason, "the revocations of a published list are not taken back");
                left.push(format!("list {list} of {tenant}: {reason}"));
            }
        }
    }
    Ok(left)
}

async fn recover_list(app: &App, label: &Label, token: &[u8]) -> Result<(), NotRecovered> {
    let tenant: TenantId = label.tenant.parse().map_err(|_| NotRecovered::Damaged("the tenant"))?;
    let token = std::str::from_utf8(token).map_err(|_| NotRecovered::Damaged("the token"))?;
    let mut tx = app.store.tenant(tenant).await?;
    // A tenant that is gone, or was not there yet, has nothing to put it back to.
    let keys = tx.signing_keys().await?;
    if keys.is_empty() {
        return Ok(tx.commit().await?);
    }
    let uri = format!("{}/status-lists/{}", label.identifier, label.list);
    // Over or not: a revocation is for ever.
    let ever = OffsetDateTime::UNIX_EPOCH;
    let keys = keys.iter().filter_map(|key| Jwk::parse(&key.public_jwk).ok());
    let bits = keys
        .into_iter()
        .find_map(|key| status_list::verify(token, &uri, &|_| Some(key.clone()), ever).ok())
        .ok_or(NotRecovered::UnknownKey)?;
    let statuses: Vec<(u32, CredentialStatus)> = bits.not_valid().collect();
    let published = PublishedStatuses {
        list: label.list,
        size: bits.size(),
        version: label.version,
        statuses: &statuses,
    };
    let recovered = tx.recover_statuses(&published).await?;
    if recovered.revoked + recovered.forgotten > 0 {
        let told = json!({ "revoked": recovered.revoked, "of_forgotten_credentials": recovered.forgotten });
        tx.record(&app.entry(Author::HOST, Action::StatusesRecovered, uri.clone(), &Changed::made(told)))
            .await?;
    }
    tx.commit().await?;
    tracing::warn!(
        tenant = %tenant,
        uri,
        revoked = recovered.revoked,
        forgotten = recovered.forgotten,
        "took back what a list said when it was published last"
    );
    if recovered.not_suspended > 0 {
        tracing::warn!(
            tenant = %tenant,
            uri,
            credentials = recovered.not_suspended,
            "were suspended when the list was published and are not now; nobody can tell whether they were reinstated"
        );
    }
    Ok(())
}
