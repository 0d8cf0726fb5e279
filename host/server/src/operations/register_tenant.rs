//! Adds a tenant: validated first, then written in one transaction with everything that it begins with.

use chancery_credential::keys::{KeyUse, Keyring};
use chancery_credential::secrets::ApiKeySecret;
use chancery_domain::scope::Scope;
use chancery_domain::tenant::TenantStatus;
use chancery_domain::{ApiKeyId, Slug, Tenant, TenantId, random_bytes};
use chancery_store::{KeyState, NewApiKey, NewTenant, StoreError, StoredKey};
use zeroize::Zeroizing;

use crate::app::App;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::load::{data_key_of, seed_of};

/// Who wants to become a tenant.
pub(crate) struct Registration {
    pub(crate) slug: Slug,
    pub(crate) name: String,
    pub(crate) parent: Option<TenantId>,
}

/// A new tenant, and the key of whoever manages it first; the key is shown once.
pub(crate) struct Registered {
    pub(crate) tenant: Tenant,
    pub(crate) key: ApiKeySecret,
}

/// Registers an ordinary tenant.
pub(crate) async fn register_tenant(app: &App, registration: Registration) -> Result<Registered, Problem> {
    let Registration { slug, name, parent } = registration;
    let tenant = Tenant {
        id: TenantId::new(app.now(), random_bytes(app.random.as_ref())),
        slug: slug.as_str().to_owned(),
        name,
        status: TenantStatus::Active,
        parent,
        system: false,
        version: 1,
        delete_at: None,
    };
    if let Some(parent) = parent {
        let found = app.store.directory().tenant(parent).await?;
        if !found.is_some_and(|found| !found.system && found.status == TenantStatus::Active) {
            return Err(Problem::invalid_at("/parent", "parent", "there is no active tenant of that id"));
        }
    }
    let (new, key) = begin_tenant(app, tenant, &[Scope::Owner]).await?;
    let mut tx = app.store.provision().await?;
    let registered = tx.register(&new).await?;
    tx.commit().await?;
    if !registered {
        return Err(Problem::new(ProblemCode::Conflict).detail("the slug is taken, or was once"));
    }
    app.tenants.forget(new.tenant.id).await;
    Ok(Registered { tenant: new.tenant, key })
}

/// Draws the secrets of a tenant that does not exist yet, derives its first key, and makes the API key of its
/// first manager.
pub(crate) async fn begin_tenant(
    app: &App,
    tenant: Tenant,
    first: &[Scope],
) -> Result<(NewTenant, ApiKeySecret), StoreError> {
    let (now, random) = (app.now(), app.random.as_ref());
    let keyring = sealing_keyring(app).await?;
    let fresh = || Zeroizing::new(random_bytes::<32>(random));
    let (seed, data_key) = (fresh(), fresh());
    let keys = keyring.tenant(tenant.id, &seed, &data_key);
    let algorithm = app.beginnings.algorithm;
    let signing = keys.signing_key(KeyUse::Credential, algorithm, 1);
    let secret = ApiKeySecret::random(random);
    let new = NewTenant {
        sealed_under: keyring.check_value(),
        sealed_seed: keyring.seal(&seed_of(tenant.id), &*seed, random),
        sealed_data_key: keyring.seal(&data_key_of(tenant.id), &*data_key, random),
        keys: vec![StoredKey {
            key_use: KeyUse::Credential.as_str().to_owned(),
            algorithm: algorithm.as_str().to_owned(),
            version: 1,
            state: KeyState::Active,
            public_jwk: signing.public_jwk().to_value(),
            created_at: now,
            not_before: Some(now),
            retire_at: None,
            compromised: false,
        }],
        // Who administers the deployment need not issue.
        activations: if tenant.system { Vec::new() } else { app.beginnings.activations.clone() },
        api_key: (!first.is_empty()).then(|| NewApiKey {
            id: ApiKeyId::new(now, random_bytes(random)),
            hash: secret.hash(),
            name: "first key".to_owned(),
            scopes: first.to_vec(),
            created_at: now,
        }),
        tenant,
    };
    Ok((new, secret))
}

/// The keys, with the master sealing that is in force: while one is being replaced a host holds two.
pub(crate) async fn sealing_keyring(app: &App) -> Result<Keyring, StoreError> {
    let keyring = &app.tenants.workshop.keyring;
    let master = app.store.directory().sealing_master().await?.unwrap_or(keyring.check_value());
    let unknown = || StoreError::Configuration("it is sealed under another master key".to_owned());
    keyring.sealing_under(master).ok_or_else(unknown)
}
