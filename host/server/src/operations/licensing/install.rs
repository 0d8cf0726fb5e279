//! An operator installs a licence: a plugin that reads it, and the document, which is data and kept sealed.

use chancery_credential::keys::SealedFor;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::random_bytes;
use chancery_engine::{Hook, LicenseState};
use chancery_store::{By, InstalledLicense};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::standing::{circumstances, grants, plugin};
use crate::app::App;
use crate::operations::plugins::Keeper;
use crate::operations::plugins::usable::check_may_be_used;
use crate::operations::register_tenant::sealing_keyring;
use crate::problem::{Problem, ProblemCode};

/// What somebody asks for.
pub(crate) struct Order {
    pub(crate) digest: [u8; 32],
    pub(crate) configuration: Value,
    pub(crate) document: Option<String>,
}

/// Installs the licence in the place of the one before. A document that is not valid here and now is refused: it
/// would end every registration.
pub(crate) async fn install_license(app: &App, author: Author, order: Order) -> Result<(), Problem> {
    let Order { digest, configuration, document } = order;
    let version = Keeper::Deployment.find(app, &digest).await?;
    check_may_be_used(app, Keeper::Deployment, &version, Hook::License).await?;
    let mut tx = app.store.platform(By::Operator).await?;
    let before = tx.license().await?;
    tx.commit().await?;

    let now = app.now();
    let document_hash = document.as_ref().map(|document| <[u8; 32]>::from(Sha256::digest(document)));
    // Another document tells of another time; the same one does not make a clock right.
    let kept = before.as_ref().filter(|before| before.document_hash == document_hash);
    let keyring = sealing_keyring(app).await?;
    let mut new = InstalledLicense {
        revision: uuid::Uuid::from_bytes(random_bytes(app.random.as_ref())),
        component: digest,
        configuration,
        sealed_document: document
            .as_ref()
            .map(|document| keyring.seal(&SealedFor::LICENSE, document.as_bytes(), app.random.as_ref())),
        document_hash,
        installed_at: now,
        latest_at: kept.map_or(now, |kept| kept.latest_at.max(now)),
        entitlements: None,
        failing_since: None,
    };
    let circumstances = circumstances(app, now, new.latest_at);
    let reader = plugin(app, &new).await?;
    let read = grants(app, &reader, &new, document.as_deref(), &circumstances).await;
    let read = read.map_err(|fault| Problem::new(ProblemCode::PluginFailed).detail(fault.to_string()))?;
    if read.state == LicenseState::Invalid {
        let reason = read.reason.unwrap_or_else(|| "the document is not valid here".to_owned());
        return Err(Problem::invalid_at("/document", "license", reason));
    }
    let written = serde_json::to_value(&read);
    let written = written.map_err(|error| Problem::new(ProblemCode::Internal).because(error))?;
    new.entitlements = Some((written, now));

    let changed = Changed { before: before.as_ref().map_or(Value::Null, told), after: told(&new) };
    let mut tx = app.store.platform(By::Operator).await?;
    tx.insist_on_master(keyring.check_value()).await?;
    tx.install_license(&new).await?;
    tx.record(&app.entry(author, Action::LicenseInstalled, "license", &changed)).await?;
    tx.commit().await?;
    Ok(())
}

/// Removes the licence: nothing is bounded any more.
pub(crate) async fn remove_license(app: &App, author: Author) -> Result<(), Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    let before = tx.license().await?;
    let removed = tx.remove_license().await?;
    let Some(before) = before.filter(|_| removed) else {
        tx.rollback().await?;
        return Err(Problem::not_found());
    };
    let changed = Changed { before: told(&before), after: Value::Null };
    tx.record(&app.entry(author, Action::LicenseRemoved, "license", &changed)).await?;
    tx.commit().await?;
    Ok(())
}

/// What the audit trail is told: never the document itself.
fn told(license: &InstalledLicense) -> Value {
    json!({
        "component": hex::encode(license.component),
        "document": license.document_hash.map(hex::encode),
    })
}
