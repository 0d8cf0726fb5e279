//! `chancery key rotate-master`: another master takes the place of the one before.
//!
//! Everything that is sealed is sealed anew, tenant by tenant, while hosts that hold both masters serve. No key
//! changes: what was derived from the root of the old master goes on being derived from it, and that root is
//! kept sealed under the new one. Each tenant is one transaction, and what is done is told by what opens; so
//! whoever is interrupted begins again.

use chancery_credential::SystemRandom;
use chancery_credential::keys::{Algorithm, KeyUse, Keyring, SealedFor, Shared, TenantKeys};
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::clock::SystemClock;
use chancery_domain::{AuditEntry, AuditEntryId, Clock as _, random_bytes};
use chancery_store::{
    AuditTrail as _, By, KeyState, SealedSecrets, Store, StoredKey, TenantSecrets, TenantTx,
};
use serde_json::json;
use zeroize::Zeroizing;

use super::{StartError, database, keys};
use crate::audit::Sealers;
use crate::config::{Config, ConfigError, Database};
use crate::operations::import_key::imported_key_of;
use crate::operations::look_up::sealed_for;
use crate::operations::publish_status_list::LIFETIME;
use crate::operations::sign_in_upstream::sealed_for as sealed_for_provider;
use crate::tenants::keys::{active_key, data_key_of, open_keys, seed_of};

const ROTATION: By = By::Job("rotate the master");
/// How many tenants are looked up at once.
const PART: u32 = 500;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MasterRotated {
    /// How many tenants' secrets were sealed anew.
    pub resealed: u64,
    /// How many tenants were moved to new keys.
    pub moved: u64,
}

/// Replaces the master. With `compromised`, every tenant gets new keys, too: whoever held the old master and a
/// copy of the database knows all others.
pub async fn rotate_master(config: &Config, compromised: bool) -> Result<MasterRotated, StartError> {
    if compromised && config.self_hosted().is_some() {
        let reason =
            "a self-hosted issuer signs with it: change it instead of using --compromised".to_owned();
        return Err(ConfigError::Unusable { name: "ISSUER_SIGNING_KEY", reason }.into());
    }
    let mut keyring = keys::keyring(config)?;
    let opened = database::open(config, &keyring).await?;
    let rotated = rotate(&opened.store, &mut keyring, compromised).await;
    let rotated = match (rotated, admin_url(config, opened.cluster.as_ref())) {
        // The passwords of the serving roles follow from the master; hosts with both try both.
        (Ok(rotated), Some(admin)) => database::migrate(&admin, &keyring).await.map(|()| rotated),
        (rotated, _) => rotated,
    };
    opened.store.close();
    if let Some(cluster) = opened.cluster {
        cluster.stop().await;
    }
    rotated
}

fn admin_url(config: &Config, cluster: Option<&chancery_store::Cluster>) -> Option<String> {
    match &config.database {
        Database::Embedded { .. } => cluster.map(|cluster| cluster.admin_url().to_owned()),
        Database::Server { admin, .. } => admin.as_ref().map(|admin| admin.to_string()),
    }
}

async fn rotate(
    store: &Store,
    keyring: &mut Keyring,
    compromised: bool,
) -> Result<MasterRotated, StartError> {
    let deployment = keys::check(store, keyring).await?;
    let next = keyring.check_value();
    let mut moves_keys = compromised || deployment.next_moves_keys;
    let finished = deployment.key_check == next;
    if !finished {
        if keyring.previous_check_value() != Some(deployment.key_check) {
            return Err(StartError::WrongKey);
        }
        let mut tx = store.platform(ROTATION).await?;
        let roots = keyring.seal_superseded_roots(&SystemRandom);
        let begun = tx.begin_master_rotation(next, compromised, &roots).await?;
        moves_keys |= tx.deployment().await?.is_some_and(|deployment| deployment.next_moves_keys);
        tx.commit().await?;
        if !begun {
            return Err(StartError::RotationUnderWay);
        }
    } else if !compromised {
        return Ok(MasterRotated::default());
    }
    let mut all = MasterRotated::default();
    loop {
        let some = pass(store, keyring, moves_keys).await?;
        all = MasterRotated { resealed: all.resealed + some.resealed, moved: all.moved + some.moved };
        // The last pass only looks: everything opens under the new master alone.
        if some == MasterRotated::default() {
            break;
        }
    }
    reseal_license(store, keyring).await?;
    if !finished {
        let mut tx = store.platform(ROTATION).await?;
        tx.finish_master_rotation(next).await?;
        let replaced = Changed::made(json!({ "compromised": moves_keys }));
        tx.record(&entry(Action::MasterReplaced, "deployment", &replaced)).await?;
        tx.commit().await?;
    }
    Ok(all)
}

/// Once through all tenants.
async fn pass(store: &Store, keyring: &Keyring, moves_keys: bool) -> Result<MasterRotated, StartError> {
    let mut done = MasterRotated::default();
    let mut last = None;
    loop {
        let mut tx = store.platform(ROTATION).await?;
        let tenants = tx.every_tenant(last, PART).await?;
        tx.commit().await?;
        for tenant in &tenants {
            let mut tx = store.tenant(*tenant).await?;
            let (resealed, moved) = renew(store, &mut tx, keyring, moves_keys).await?;
            tx.commit().await?;
            done.resealed += u64::from(resealed);
            done.moved += u64::from(moved);
        }
        last = tenants.last().copied();
        if last.is_none() {
            return Ok(done);
        }
    }
}

/// Seals what one tenant has anew, and moves it to new keys if need be.
async fn renew(
    store: &Store,
    tx: &mut TenantTx,
    keyring: &Keyring,
    moves_keys: bool,
) -> Result<(bool, bool), StartError> {
    // Deleted: there is nothing left to seal.
    let Some(read) = tx.secrets().await? else { return Ok((false, false)) };
    let tenant = tx.tenant_id();
    let next = keyring.check_value();
    let unreadable = |_| StartError::WrongKey;
    let (seed, master) = keyring.open_and_tell(&seed_of(tenant), &read.sealed_seed).map_err(unreadable)?;
    let (data_key, _) =
        keyring.open_and_tell(&data_key_of(tenant), &read.sealed_data_key).map_err(unreadable)?;
    let root = read.root.unwrap_or(master);
    if moves_keys && root != next {
        move_to_new_keys(store, tx, keyring, &read).await?;
        return Ok((true, true));
    }
    let resealed = reseal_imports(tx, keyring).await?;
    if master == next {
        return Ok((resealed, false));
    }
    let sealed = TenantSecrets {
        sealed_seed: keyring.seal(&seed_of(tenant), &seed, &SystemRandom),
        sealed_data_key: keyring.seal(&data_key_of(tenant), &data_key, &SystemRandom),
        root: Some(root),
    };
    Ok((tx.replace_secrets(&read, &sealed).await?, false))
}

/// Whoever installs a licence insists on the master that is in force, so from here on none is sealed under another.
async fn reseal_license(store: &Store, keyring: &Keyring) -> Result<(), StartError> {
    let mut tx = store.platform(ROTATION).await?;
    let license = tx.license().await?;
    if let Some((revision, sealed)) = license.and_then(|it| Some((it.revision, it.sealed_document?))) {
        let opened = keyring.open_and_tell(&SealedFor::LICENSE, &sealed);
        let (document, master) = opened.map_err(|_| StartError::WrongKey)?;
        if master != keyring.check_value() {
            let sealed = keyring.seal(&SealedFor::LICENSE, &document, &SystemRandom);
            tx.reseal_license(revision, &sealed).await?;
        }
    }
    Ok(tx.commit().await?)
}

async fn reseal_imports(tx: &mut TenantTx, keyring: &Keyring) -> Result<bool, StartError> {
    let mut resealed = false;
    for mut key in tx.imported_keys().await? {
        let what = imported_key_of(tx.tenant_id(), key.name.version);
        let (bytes, master) = keyring.open_and_tell(&what, &key.sealed).map_err(|_| StartError::WrongKey)?;
        if master != keyring.check_value() {
            key.sealed = keyring.seal(&what, &bytes, &SystemRandom);
            resealed |= tx.reseal_imported_key(&key).await?;
        }
    }
    Ok(resealed)
}

/// Draws everything anew. What is under way ends, for it is sealed under what was drawn before; what was issued
/// stays, and the compromised keys are published until it is decided what becomes of it.
async fn move_to_new_keys(
    store: &Store,
    tx: &mut TenantTx,
    keyring: &Keyring,
    read: &TenantSecrets,
) -> Result<(), StartError> {
    let (tenant, now) = (tx.tenant_id(), SystemClock.now());
    let fresh = || Zeroizing::new(random_bytes::<32>(&SystemRandom));
    let (seed, data_key) = (fresh(), fresh());
    let sealed = TenantSecrets {
        sealed_seed: keyring.seal(&seed_of(tenant), &*seed, &SystemRandom),
        sealed_data_key: keyring.seal(&data_key_of(tenant), &*data_key, &SystemRandom),
        root: Some(keyring.check_value()),
    };
    if !tx.replace_secrets(read, &sealed).await? {
        return Ok(());
    }
    supersede_mac(store, tx, keyring, read, &keyring.tenant(tenant, &seed, &data_key)).await?;
    reseal_shared(tx, keyring, read, &keyring.tenant(tenant, &seed, &data_key)).await?;
    tx.end_what_is_under_way().await?;
    tx.close_status_lists().await?;
    let stored = tx.signing_keys().await?;
    tx.withdraw_next_keys(now).await?;
    for of_use in [KeyUse::Credential, KeyUse::Token, KeyUse::Authority] {
        let Some(active) = active_key(&stored, of_use) else { continue };
        let newest = stored.iter().filter(|key| key.key_use == active.key_use).map(|key| key.version).max();
        let version = newest.unwrap_or(active.version) + 1;
        let algorithm = Algorithm::parse(&active.algorithm).unwrap_or(Algorithm::Es256);
        let key = keyring.tenant(tenant, &seed, &data_key).signing_key(of_use, algorithm, version);
        let new = StoredKey {
            key_use: of_use.as_str().to_owned(),
            algorithm: algorithm.as_str().to_owned(),
            version,
            state: KeyState::Next,
            public_jwk: key.public_jwk().to_value(),
            created_at: now,
            not_before: Some(now),
            retire_at: None,
            compromised: false,
            certificate: None,
        };
        tx.publish_next_key(&new, now).await?;
        tx.supersede_signing_keys(of_use.as_str(), version, now, now + LIFETIME).await?;
    }
    for old in stored.iter().filter(|key| key.state != KeyState::Retired) {
        tx.mark_compromised(&old.key_use, old.version).await?;
    }
    tell_of_move(tx).await?;
    tx.announce_change().await?;
    Ok(())
}

/// Keeps what vouches for the audit trails so far. The secrets were replaced, so nobody seals with those of before
/// until this is committed, nor after.
async fn supersede_mac(
    store: &Store,
    tx: &mut TenantTx,
    keyring: &Keyring,
    read: &TenantSecrets,
    new: &TenantKeys,
) -> Result<(), StartError> {
    let before = Sealers::open(keyring, tx, read).await.map_err(|_| StartError::WrongKey)?;
    let own = tx.last_seal().await?;
    let platforms = if is_application(tx).await? {
        let mut platform = store.platform(ROTATION).await?;
        let last = platform.last_seal().await?;
        platform.commit().await?;
        last
    } else {
        None
    };
    let kept = before.give_way(tx, new, own.as_ref(), platforms.as_ref()).await;
    kept.map_err(|error| StartError::Internal(error.to_string()))
}

/// What is shared with others outside stays what it is; its owners decide when they change it.
async fn reseal_shared(
    tx: &mut TenantTx,
    keyring: &Keyring,
    read: &TenantSecrets,
    new: &TenantKeys,
) -> Result<(), StartError> {
    let old = open_keys(keyring, tx.tenant_id(), read).map_err(|_| StartError::WrongKey)?;
    let reseal_for = |kind: Shared, name: &[u8], sealed: &[u8]| {
        let opened = old.open_shared(kind, name, sealed).map_err(|_| StartError::WrongKey)?;
        Ok::<_, StartError>(new.seal_shared(kind, name, &opened, &SystemRandom))
    };
    for mut source in tx.sources().await? {
        let name = sealed_for(&source);
        if let Some((_, sealed)) = &mut source.header {
            *sealed = reseal_for(Shared::Source, &name, sealed)?;
            tx.set_source(&source).await?;
        }
    }
    for mut provider in tx.providers().await? {
        let name = sealed_for_provider(&provider);
        if let Some(sealed) = &mut provider.sealed_secret {
            *sealed = reseal_for(Shared::Provider, &name, sealed)?;
            tx.set_provider(&provider).await?;
        }
    }
    let reseal = |name: &[u8], sealed: &[u8]| reseal_for(Shared::Webhook, name, sealed);
    for (id, sealed) in tx.webhook_secrets().await? {
        let name = id.uuid();
        let former = sealed
            .former
            .map(|(former, until)| Ok::<_, StartError>((reseal(name.as_bytes(), &former)?, until)));
        let sealed =
            SealedSecrets { current: reseal(name.as_bytes(), &sealed.current)?, former: former.transpose()? };
        tx.keep_webhook_secrets(id, &sealed).await?;
    }
    Ok(())
}

async fn is_application(tx: &mut TenantTx) -> Result<bool, StartError> {
    Ok(tx.itself().await?.is_some_and(|tenant| tenant.system))
}

/// The tenant learns why it has other keys, and the platform when its own trail is sealed with others.
async fn tell_of_move(tx: &mut TenantTx) -> Result<(), StartError> {
    let moved = Changed::made(json!({ "reason": "the master key was compromised" }));
    tx.record(&entry(Action::KeysMoved, tx.tenant_id(), &moved)).await?;
    if is_application(tx).await? {
        tx.record_for_platform(&entry(Action::KeysMoved, tx.tenant_id(), &moved)).await?;
    }
    Ok(())
}

fn entry(action: Action, target: impl Into<String>, changed: &Changed) -> AuditEntry {
    let now = SystemClock.now();
    let id = AuditEntryId::new(now, random_bytes(&SystemRandom));
    AuditEntry::new(id, now, Author::HOST, action, target, changed)
}
