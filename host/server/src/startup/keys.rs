//! Keys: the keyring, its check against the database, the tenant's own secrets and signing key.

use std::sync::Arc;

use chancery_credential::jose::Jwk;
use chancery_credential::keys::{KeyUse, Keyring, SealedFor, SecretKind, SigningKey, TenantKeys};
use chancery_domain::tenant::TenantStatus;
use chancery_domain::{Clock, Random, Tenant, TenantId, random_bytes};
use chancery_store::{By, KeyState, NewTenant, Store, StoredKey};
use zeroize::Zeroizing;

use super::StartError;
use crate::config::Config;

const START: By = By::Job("start");

/// Self-hosted: what seals derives from the master, or from the signing key under a label of its own.
pub(super) fn keyring(config: &Config) -> Result<Keyring, StartError> {
    Keyring::self_hosted(&config.issuer.signing_key, config.issuer.master.as_ref())
        .map_err(|error| unusable_key(&error))
}

fn unusable_key(error: &dyn std::fmt::Display) -> StartError {
    crate::config::ConfigError::Unusable { name: "ISSUER_SIGNING_KEY", reason: error.to_string() }.into()
}

/// Compares the key check value, or founds the deployment; begins a new epoch after a restore.
pub(super) async fn check(store: &Store, keyring: &Keyring) -> Result<(), StartError> {
    let mut tx = store.platform(START).await?;
    if tx.deployment().await?.is_none() {
        // Another replica may be faster: its value counts.
        tx.found_deployment(keyring.check_value(), 0).await?;
    }
    let missing = || StartError::Internal("the deployment row is missing".to_owned());
    let deployment = tx.deployment().await?.ok_or_else(missing)?;
    if deployment.key_check != keyring.check_value() {
        return Err(StartError::WrongKey);
    }
    if deployment.restored {
        tracing::warn!(
            "the database was restored or promoted: open offers end, and new status lists are begun"
        );
        tx.begin_restore_epoch().await?;
    }
    tx.commit().await?;
    Ok(())
}

/// A tenant with its keys.
pub(super) struct OpenedTenant {
    pub(super) tenant: Tenant,
    pub(super) keys: TenantKeys,
}

/// The one tenant, registered at the first start.
pub(super) async fn found_tenant(
    config: &Config,
    store: &Store,
    keyring: &Keyring,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<OpenedTenant, StartError> {
    if store.directory().sole_tenant().await?.is_none() {
        let id = TenantId::new(clock.now(), random_bytes(random));
        let new = NewTenant {
            tenant: Tenant {
                id,
                slug: config.issuer.slug.clone(),
                name: config.issuer.name.clone(),
                status: TenantStatus::Active,
            },
            parent: None,
            system: true,
            sealed_seed: keyring.seal(&seed(id), &*fresh(random), random),
            sealed_data_key: keyring.seal(&data_key(id), &*fresh(random), random),
        };
        let mut tx = store.provision().await?;
        tx.register(&new).await?;
        tx.commit().await?;
    }
    let tenant = store.directory().sole_tenant().await?.ok_or_else(|| {
        StartError::Database(
            "this database holds several tenants, it does not belong to a self-hosted issuer".to_owned(),
        )
    })?;

    let mut tx = store.tenant(tenant.id).await?;
    let secrets =
        tx.secrets().await?.ok_or_else(|| StartError::Internal("the tenant has no secrets".to_owned()))?;
    tx.commit().await?;
    let open = |what: &SealedFor, sealed: &[u8]| -> Result<Zeroizing<[u8; 32]>, StartError> {
        let opened = keyring.open(what, sealed).map_err(|_| StartError::WrongKey)?;
        <[u8; 32]>::try_from(opened.as_slice()).map(Zeroizing::new).map_err(|_| StartError::WrongKey)
    };
    let seed = open(&seed(tenant.id), &secrets.sealed_seed)?;
    let data_key = open(&data_key(tenant.id), &secrets.sealed_data_key)?;
    let keys = keyring.tenant(tenant.id, &seed, &data_key);
    Ok(OpenedTenant { tenant, keys })
}

fn fresh(random: &dyn Random) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(random_bytes(random))
}

fn seed(tenant: TenantId) -> SealedFor {
    SealedFor { tenant, kind: SecretKind::Seed, version: 1 }
}

fn data_key(tenant: TenantId) -> SealedFor {
    SealedFor { tenant, kind: SecretKind::DataKey, version: 1 }
}

/// The key that signs, and every public key that verifiers may need.
pub(super) struct Signing {
    pub(super) key: Arc<SigningKey>,
    pub(super) version: u32,
    pub(super) published: Vec<Jwk>,
}

/// Makes sure that the public half of the operator's key is stored, as the active version. A key
/// that was there before retires: what it signed stays verifiable.
pub(super) async fn publish_signing_key(
    config: &Config,
    store: &Store,
    tenant: &OpenedTenant,
    clock: &dyn Clock,
) -> Result<Signing, StartError> {
    let key = SigningKey::new(config.issuer.algorithm, &config.issuer.signing_key)
        .map_err(|error| unusable_key(&error))?;
    let key_use = KeyUse::Credential.as_str();
    let mut tx = store.tenant(tenant.tenant.id).await?;
    let known = tx.signing_keys().await?;
    let of_use = |stored: &&StoredKey| stored.key_use == key_use;

    let public = key.public_jwk().to_value();
    let version = match known.iter().filter(of_use).find(|stored| stored.public_jwk == public) {
        Some(stored) => stored.version,
        None => known.iter().filter(of_use).map(|stored| stored.version).max().unwrap_or(0) + 1,
    };
    let is_active = known
        .iter()
        .filter(of_use)
        .any(|stored| stored.version == version && stored.state == KeyState::Active);
    if !is_active {
        let stored = StoredKey {
            key_use: key_use.to_owned(),
            algorithm: key.algorithm().as_str().to_owned(),
            version,
            state: KeyState::Next,
            public_jwk: public,
            created_at: clock.now(),
        };
        tx.add_signing_key(&stored).await?;
        tx.supersede_signing_keys(key_use, version).await?;
    }
    let stored = tx.signing_keys().await?;
    tx.commit().await?;

    let published = stored
        .iter()
        .filter(|stored| stored.state != KeyState::Retired)
        .filter_map(|stored| Jwk::parse(&stored.public_jwk).ok())
        .collect();
    Ok(Signing { key: Arc::new(key), version, published })
}
