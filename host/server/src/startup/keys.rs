//! Keys: the keyring, its check against the database, the tenant's own secrets and signing key.

use chancery_credential::keys::{KeyUse, Keyring, SigningKey};
use chancery_domain::audit::Author;
use chancery_domain::tenant::TenantStatus;
use chancery_domain::{Tenant, TenantId, random_bytes};
use chancery_store::{By, Deployment, KeyState, Store, StoredKey};

use super::StartError;
use crate::app::App;
use crate::config::{Config, Mode, SelfHosted};
use crate::operations::publish_status_list::LIFETIME;
use crate::operations::register_tenant::begin_tenant;

const START: By = By::Job("start");

/// What seals derives from the master; self-hosted and without one, from the signing key under a label of
/// its own.
pub(super) fn keyring(config: &Config) -> Result<Keyring, StartError> {
    let (keyring, previous) = match &config.mode {
        Mode::SelfHosted(issuer) => (
            Keyring::self_hosted(&issuer.signing_key, issuer.master.as_ref())
                .map_err(|error| unusable_key(&error))?,
            &issuer.previous_master,
        ),
        Mode::Saas(saas) => (Keyring::from_master(&saas.master), &saas.previous_master),
    };
    Ok(match previous {
        Some(previous) => keyring.with_previous(previous),
        None => keyring,
    })
}

fn unusable_key(error: &dyn std::fmt::Display) -> StartError {
    crate::config::ConfigError::Unusable { name: "ISSUER_SIGNING_KEY", reason: error.to_string() }.into()
}

/// Compares the key check value, or founds the deployment; takes up the roots of masters that are gone.
pub(super) async fn check(store: &Store, keyring: &mut Keyring) -> Result<Deployment, StartError> {
    let mut tx = store.platform(START).await?;
    if tx.deployment().await?.is_none() {
        // Another replica may be faster: its value counts.
        tx.found_deployment(keyring.check_value(), 0).await?;
    }
    let missing = || StartError::Internal("the deployment row is missing".to_owned());
    let deployment = tx.deployment().await?.ok_or_else(missing)?;
    if keyring.sealing_under(deployment.key_check).is_none() {
        return Err(StartError::WrongKey);
    }
    if deployment.next_key_check.is_some_and(|next| next != keyring.check_value()) {
        return Err(StartError::RotationUnderWay);
    }
    for (master, sealed) in tx.superseded_roots().await? {
        keyring.take_superseded_root(master, &sealed).map_err(|_| StartError::WrongKey)?;
    }
    tx.commit().await?;
    Ok(deployment)
}

/// Self-hosted: registers the one tenant at the first start, and publishes the operator's key.
pub(super) async fn found_sole_tenant(issuer: &SelfHosted, app: &App) -> Result<TenantId, StartError> {
    let directory = app.store.directory();
    if directory.has_tenants().await? {
        return Err(StartError::Database(
            "this database holds several tenants, it does not belong to a self-hosted issuer".to_owned(),
        ));
    }
    if directory.application_tenant().await?.is_none() {
        let tenant = Tenant {
            id: TenantId::new(app.now(), random_bytes(app.random.as_ref())),
            slug: issuer.slug.clone(),
            name: issuer.name.clone(),
            status: TenantStatus::Active,
            parent: None,
            system: true,
            version: 1,
            delete_at: None,
        };
        let (mut new, _) = begin_tenant(app, Author::HOST, tenant).await?;
        // The operator's own key is published below, whatever was derived.
        new.keys.clear();
        let mut tx = app.store.provision().await?;
        tx.register(&new).await?;
        tx.commit().await?;
    }
    let missing = || StartError::Internal("the tenant is missing".to_owned());
    let tenant = directory.application_tenant().await?.ok_or_else(missing)?;
    publish_operators_key(issuer, app, tenant.id).await?;
    Ok(tenant.id)
}

/// Makes sure that the public half of the operator's key is stored, as the active version. A key
/// that was there before retires: what it signed stays verifiable.
async fn publish_operators_key(issuer: &SelfHosted, app: &App, tenant: TenantId) -> Result<(), StartError> {
    let key = SigningKey::new(issuer.algorithm, &issuer.signing_key).map_err(|error| unusable_key(&error))?;
    let key_use = KeyUse::Credential.as_str();
    let mut tx = app.store.tenant(tenant).await?;
    let known = tx.signing_keys().await?;
    let of_use: Vec<&StoredKey> = known.iter().filter(|stored| stored.key_use == key_use).collect();

    let public = key.public_jwk().to_value();
    let version = match of_use.iter().find(|stored| stored.public_jwk == public) {
        Some(stored) => stored.version,
        None => of_use.iter().map(|stored| stored.version).max().unwrap_or(0) + 1,
    };
    let is_active = of_use.iter().any(|stored| stored.version == version && stored.state == KeyState::Active);
    if !is_active {
        let stored = StoredKey {
            key_use: key_use.to_owned(),
            algorithm: key.algorithm().as_str().to_owned(),
            version,
            state: KeyState::Next,
            public_jwk: public,
            created_at: app.now(),
            not_before: None,
            retire_at: None,
            compromised: false,
            certificate: None,
        };
        tx.add_signing_key(&stored).await?;
        tx.supersede_signing_keys(key_use, version, app.now(), app.now() + LIFETIME).await?;
        tx.announce_change().await?;
    }
    tx.commit().await?;
    Ok(())
}
