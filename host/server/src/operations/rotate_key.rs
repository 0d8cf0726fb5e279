//! A tenant's signing key gives way to its next version.
//!
//! In the ordinary course the next key is published ahead, so that verifiers know it before it signs; then it
//! becomes active, and the old one stays published until the last credential that it signed has expired. A
//! compromised key stops at once: the statement that permits a signature checks the key, so that no replica
//! signs with it once this is committed, whatever it remembers.

use chancery_credential::keys::{Algorithm, KeyUse, SigningKey};
use chancery_domain::TenantId;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_store::{KeyState, StoredKey, TenantTx};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::publish_status_list::LIFETIME;
use crate::app::App;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::keys::{active_key, open_keys};

/// What signs credentials; status lists are signed with it too.
const USE: KeyUse = KeyUse::Credential;

/// How one key gives way to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rotation {
    /// The next key is published so long before it signs.
    Planned(Duration),
    /// Somebody else may hold the key.
    Emergency {
        /// Whether everything that it signed is revoked.
        revoke: bool,
    },
}

/// What became of the keys.
pub(crate) struct Rotated {
    /// The key that signs next, or already.
    pub(crate) key: StoredKey,
    /// The key that it takes the place of.
    pub(crate) superseded: StoredKey,
    /// How many credentials the old key signed that are neither expired nor revoked.
    pub(crate) outstanding: u64,
    /// How many were revoked.
    pub(crate) revoked: u64,
}

/// What the audit trail is told.
fn told(rotation: Rotation, version: u32) -> Value {
    match rotation {
        Rotation::Planned(ahead) => json!({ "version": version, "activate_in": ahead.whole_seconds() }),
        Rotation::Emergency { revoke } => {
            json!({ "version": version, "compromised": true, "revoke": revoke })
        }
    }
}

/// Rotates the key that signs a tenant's credentials.
pub(crate) async fn rotate_key(
    app: &App,
    author: Author,
    tenant: TenantId,
    rotation: Rotation,
) -> Result<Rotated, Problem> {
    refuse_operators_key(app)?;
    let now = app.now();
    let mut tx = app.store.tenant(tenant).await?;
    let (old, waiting) = current_keys(&mut tx).await?;
    let version = match (rotation, waiting) {
        (Rotation::Planned(_), Some(waiting)) => return Err(already_waiting(&waiting)),
        // It is published already, so it is the best there is.
        (Rotation::Emergency { .. }, Some(waiting)) => waiting.version,
        (Rotation::Planned(ahead), None) => derive_next(app, &mut tx, &old, now + ahead).await?,
        (Rotation::Emergency { .. }, None) => derive_next(app, &mut tx, &old, now).await?,
    };
    match rotation {
        Rotation::Planned(ahead) if ahead.is_positive() => {}
        _ => tx.supersede_signing_keys(USE.as_str(), version, now, now + LIFETIME).await?,
    }
    if let Rotation::Emergency { .. } = rotation {
        tx.mark_compromised(USE.as_str(), old.version).await?;
    }
    let changed = Changed { before: json!({ "version": old.version }), after: told(rotation, version) };
    tx.record(&app.entry(author, Action::KeyRotated, USE.as_str(), &changed)).await?;
    tx.announce_change().await?;
    tx.commit().await?;
    app.tenants.forget(tenant);
    let revoked = match rotation {
        Rotation::Emergency { revoke: true } => revoke_signed_by(app, tenant, old.version).await?,
        _ => 0,
    };
    tracing::info!(%tenant, version, ?rotation, revoked, "rotated the signing key");

    let mut tx = app.store.tenant(tenant).await?;
    let outstanding = tx.outstanding(USE.as_str(), old.version, now).await?;
    let keys = tx.signing_keys().await?;
    tx.commit().await?;
    let find =
        |version| keys.iter().find(|key| key.key_use == USE.as_str() && key.version == version).cloned();
    let (key, superseded) = find(version).zip(find(old.version)).ok_or_else(Problem::not_found)?;
    Ok(Rotated { key, superseded, outstanding, revoked })
}

/// Revokes what a compromised key signed, and takes the key out of the published documents. How many.
pub(crate) async fn revoke_and_withdraw(
    app: &App,
    author: Author,
    tenant: TenantId,
    kid: &str,
) -> Result<u64, Problem> {
    let mut tx = app.store.tenant(tenant).await?;
    let keys = tx.signing_keys().await?;
    // Keys of other uses have versions of their own, and sign no credentials.
    let is_it = |key: &&StoredKey| key.key_use == USE.as_str() && key_id(key).as_deref() == Some(kid);
    let key = keys.iter().find(is_it).ok_or_else(Problem::not_found)?;
    if !key.compromised {
        let detail =
            "only a compromised key is withdrawn before its time; rotate it with `compromised` first";
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    // What follows may take several transactions; that it was ordered is told first.
    tx.record(&app.entry(author, Action::KeyRevoked, kid, &Changed::made(json!({})))).await?;
    tx.commit().await?;
    revoke_signed_by(app, tenant, key.version).await
}

async fn revoke_signed_by(app: &App, tenant: TenantId, version: u32) -> Result<u64, Problem> {
    let now = app.now();
    let mut revoked = 0;
    loop {
        let mut tx = app.store.tenant(tenant).await?;
        let some = tx.revoke_outstanding(USE.as_str(), version, now).await?;
        if some == 0 {
            tx.withdraw_signing_key(USE.as_str(), version, now).await?;
            tx.announce_change().await?;
        }
        tx.commit().await?;
        if some == 0 {
            app.tenants.forget(tenant);
            return Ok(revoked);
        }
        revoked += some;
    }
}

/// What time does to a tenant's keys; also revokes what a withdrawn key signed while it was being stopped.
pub(crate) async fn turn_keys(app: &App, tenant: TenantId) -> Result<(), chancery_store::StoreError> {
    let now = app.now();
    let mut tx = app.store.tenant(tenant).await?;
    for (key_use, version) in tx.just_withdrawn(now).await? {
        tx.revoke_outstanding(&key_use, version, now).await?;
    }
    let turned = tx.turn_keys(now, now + LIFETIME).await?;
    tx.commit().await?;
    if turned.activated || turned.retired > 0 {
        tracing::info!(%tenant, activated = turned.activated, retired = turned.retired, "turned signing keys");
        app.tenants.forget(tenant);
    }
    Ok(())
}

/// Self-hosted, the one key is the operator's own and comes from the environment.
pub(crate) fn refuse_operators_key(app: &App) -> Result<(), Problem> {
    if app.tenants.workshop.saas {
        return Ok(());
    }
    let detail = "a self-hosted issuer signs with ISSUER_SIGNING_KEY: change it there and start again";
    Err(Problem::new(ProblemCode::WrongState).detail(detail))
}

/// The active key and the one that waits.
pub(crate) async fn current_keys(tx: &mut TenantTx) -> Result<(StoredKey, Option<StoredKey>), Problem> {
    let keys = tx.signing_keys().await?;
    let active = active_key(&keys, USE).cloned().ok_or_else(Problem::not_found)?;
    let waiting = keys.into_iter().find(|key| key.key_use == USE.as_str() && key.state == KeyState::Next);
    Ok((active, waiting))
}

pub(crate) fn already_waiting(waiting: &StoredKey) -> Problem {
    let detail = format!("version {} is published and will be the next to sign", waiting.version);
    Problem::new(ProblemCode::WrongState).detail(detail)
}

/// The version after every one that there was.
pub(crate) async fn next_version(tx: &mut TenantTx) -> Result<u32, Problem> {
    let keys = tx.signing_keys().await?;
    let newest = keys.iter().filter(|key| key.key_use == USE.as_str()).map(|key| key.version).max();
    Ok(newest.unwrap_or(0) + 1)
}

/// Derives the next key and publishes its public half.
async fn derive_next(
    app: &App,
    tx: &mut TenantTx,
    old: &StoredKey,
    not_before: OffsetDateTime,
) -> Result<u32, Problem> {
    let secrets = tx.secrets().await?.ok_or_else(Problem::not_found)?;
    let keys = open_keys(&app.tenants.workshop.keyring, tx.tenant_id(), &secrets)
        .map_err(|error| Problem::new(ProblemCode::Internal).because(error))?;
    // A key that was imported may be of any algorithm; what follows it is of the same.
    let algorithm = Algorithm::parse(&old.algorithm).unwrap_or(app.first_algorithm);
    let version = next_version(tx).await?;
    let key = keys.signing_key(USE, algorithm, version);
    publish_next(tx, &key, version, app.now(), not_before).await?;
    Ok(version)
}

/// Publishes the public half of a key that will sign later.
pub(crate) async fn publish_next(
    tx: &mut TenantTx,
    key: &SigningKey,
    version: u32,
    now: OffsetDateTime,
    not_before: OffsetDateTime,
) -> Result<(), Problem> {
    let stored = StoredKey {
        key_use: USE.as_str().to_owned(),
        algorithm: key.algorithm().as_str().to_owned(),
        version,
        state: KeyState::Next,
        public_jwk: key.public_jwk().to_value(),
        created_at: now,
        not_before: Some(not_before),
        retire_at: None,
        compromised: false,
        certificate: None,
    };
    if tx.publish_next_key(&stored, now).await? {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::Conflict).detail("another rotation was faster"))
}

/// The thumbprint of a stored key, by which credentials name it.
pub(crate) fn key_id(key: &StoredKey) -> Option<String> {
    chancery_credential::Jwk::parse(&key.public_jwk).ok().map(|jwk| jwk.thumbprint())
}
