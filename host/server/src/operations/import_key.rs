//! A tenant brings a signing key of its own. It is stored sealed, becomes active as any next key does, and never
//! comes out again.

use chancery_credential::keys::{ImportRefused, KeyUse, PrivateKey, SealedFor, SecretKind};
use chancery_domain::TenantId;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_store::{ImportedKey, KeyState, SigningKeyName, StoredKey};
use serde_json::json;
use time::Duration;

use super::register_tenant::sealing_keyring;
use super::rotate_key::{already_waiting, current_keys, next_version, publish_next, refuse_operators_key};
use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// Publishes an imported key, which signs after a while.
pub(crate) async fn import_key(
    app: &App,
    author: Author,
    tenant: TenantId,
    key: &PrivateKey,
    ahead: Duration,
) -> Result<StoredKey, Problem> {
    refuse_operators_key(app)?;
    let now = app.now();
    let signing = key.signing_key().ok_or_else(|| refused(ImportRefused::Malformed))?;
    let keyring = sealing_keyring(app).await?;
    let mut tx = app.store.tenant(tenant).await?;
    tx.insist_on_master(keyring.check_value()).await?;
    if let (_, Some(waiting)) = current_keys(&mut tx).await? {
        return Err(already_waiting(&waiting));
    }
    let public = signing.public_jwk().to_value();
    // A key that was retired, or worse, does not come back under another version.
    if tx.signing_keys().await?.iter().any(|known| known.public_jwk == public) {
        return Err(Problem::new(ProblemCode::Conflict).detail("this key is, or was, one of this issuer"));
    }
    let version = next_version(&mut tx).await?;
    publish_next(&mut tx, &signing, version, now, now + ahead).await?;
    let name = SigningKeyName {
        key_use: KeyUse::Credential.as_str().to_owned(),
        algorithm: signing.algorithm().as_str().to_owned(),
        version,
    };
    let sealed = keyring.seal(&imported_key_of(tenant, version), key.bytes(), app.random.as_ref());
    tx.keep_imported_key(&ImportedKey { name, sealed }).await?;
    if !ahead.is_positive() {
        tx.turn_keys(now, now + super::publish_status_list::LIFETIME).await?;
    }
    let made = Changed::made(json!({ "version": version, "kid": signing.key_id() }));
    tx.record(&app.entry(author, Action::KeyImported, KeyUse::Credential.as_str(), &made)).await?;
    tx.announce_change().await?;
    let keys = tx.signing_keys().await?;
    tx.commit().await?;
    app.tenants.forget(tenant);
    tracing::info!(%tenant, version, kid = signing.key_id(), "imported a signing key");
    let of_use = KeyUse::Credential.as_str();
    let is_it =
        |key: &StoredKey| key.key_use == of_use && key.version == version && key.state != KeyState::Retired;
    keys.into_iter().find(is_it).ok_or_else(Problem::not_found)
}

/// What an imported key belongs to.
pub(crate) fn imported_key_of(tenant: TenantId, version: u32) -> SealedFor {
    SealedFor { tenant, kind: SecretKind::ImportedKey, version }
}

/// Says what is wrong with a key and nothing of the key.
pub(crate) fn refused(reason: ImportRefused) -> Problem {
    let (pointer, code) = match reason {
        ImportRefused::Unsupported => ("/jwk", "unsupported"),
        ImportRefused::Public | ImportRefused::Malformed | ImportRefused::Weak => ("/jwk/d", "private-key"),
        ImportRefused::Mismatch => ("/jwk/x", "mismatch"),
        ImportRefused::Purpose => ("/jwk", "purpose"),
    };
    Problem::invalid_at(pointer, code, format!("the key is refused: {reason}"))
}
