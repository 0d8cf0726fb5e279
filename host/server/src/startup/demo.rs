//! What `chancery dev` has besides a host: tenants to try, and keys to manage them with.

use chancery_credential::secrets::ApiKeySecret;
use chancery_domain::audit::Author;
use chancery_domain::onboarding::Channel;
use chancery_domain::scope::Scope;
use chancery_domain::{ApiKeyId, Slug, TenantId, random_bytes};
use chancery_store::NewApiKey;

use super::StartError;
use crate::app::App;
use crate::audit::record_access;
use crate::manage::api_keys::entry_of;
use crate::operations::found_platform::found_platform;
use crate::operations::register_tenant::{Registration, register_tenant};
use crate::tenants::keys::open_keys;

/// The tenants of `chancery dev --saas`.
const TENANTS: [(&str, &str); 2] = [("acme", "Acme"), ("globex", "Globex")];

/// Founds the platform and its tenants, as far as they are not there yet.
pub(super) async fn found(app: &App) -> Result<(), StartError> {
    if app.store.directory().application_tenant().await?.is_none() {
        found_platform(app, Author::HOST, "Chancery demo platform").await?;
    }
    for (slug, name) in TENANTS {
        if app.store.directory().tenant_by_slug(slug).await?.is_some() {
            continue;
        }
        let slug = Slug::parse(slug).map_err(|error| StartError::Internal(error.to_string()))?;
        let (name, set_up) = (name.to_owned(), false);
        let registration = Registration {
            slug,
            name,
            parent: None,
            channel: Channel::Operator,
            owner: None,
            set_up,
            ordered: None,
        };
        register_tenant(app, Author::HOST, registration)
            .await
            .map_err(|problem| StartError::Internal(format!("{problem:?}")))?;
    }
    Ok(())
}

/// How to get into a host under development.
pub struct Entrances {
    /// The platform-admin API, if there are many tenants.
    pub platform: Option<Entrance>,
    /// Each tenant's own API.
    pub tenants: Vec<TenantEntrance>,
}

/// A management API, and a key that may do everything in it.
pub struct Entrance {
    /// Where it is.
    pub management_url: String,
    /// The key.
    pub token: String,
}

/// A tenant.
pub struct TenantEntrance {
    /// Names the tenant.
    pub slug: String,
    /// The issuer identifier.
    pub issuer: String,
    /// Its management API.
    pub entrance: Entrance,
}

/// Makes the keys, or finds those that an earlier start made.
pub(crate) async fn entrances(app: &App) -> Result<Entrances, StartError> {
    let missing = || StartError::Internal("a tenant that was founded is missing".to_owned());
    let mut found = Vec::new();
    let mut platform = None;
    if app.tenants.workshop.saas {
        let application = app.store.directory().application_tenant().await?.ok_or_else(missing)?;
        let token = key(app, application.id, &[Scope::PlatformAdmin, Scope::Owner]).await?;
        platform = Some(Entrance { management_url: format!("{}/platform-admin", app.platform_api()), token });
        for (slug, _) in TENANTS {
            found.push(app.tenants.by_slug(slug, None).await?.ok_or_else(missing)?);
        }
    } else {
        found.push(app.tenants.application().await?.ok_or_else(missing)?);
    }
    let mut tenants = Vec::new();
    for issuer in found {
        let token = key(app, issuer.tenant(), &[Scope::Owner]).await?;
        tenants.push(TenantEntrance {
            slug: issuer.tenant.slug.clone(),
            issuer: issuer.identifier.clone(),
            entrance: Entrance { management_url: issuer.management_url(), token },
        });
    }
    Ok(Entrances { platform, tenants })
}

/// The API key of a tenant under development: derived, so that every start finds the one it made before.
async fn key(app: &App, tenant: TenantId, scopes: &[Scope]) -> Result<String, StartError> {
    let mut tx = app.store.tenant(tenant).await?;
    let missing = || StartError::Internal("the tenant has no secrets".to_owned());
    let secrets = tx.secrets().await?.ok_or_else(missing)?;
    let keys = open_keys(&app.tenants.workshop.keyring, tenant, &secrets).map_err(std::sync::Arc::new)?;
    let secret = ApiKeySecret::derived(keys.mac("development-api-key", b""));
    if tx.api_key(&secret.hash()).await?.is_none() {
        let now = app.now();
        let key = NewApiKey {
            id: ApiKeyId::new(now, random_bytes(app.random.as_ref())),
            hash: secret.hash(),
            name: "chancery dev".to_owned(),
            scopes: scopes.to_vec(),
            created_at: now,
        };
        tx.create_api_key(&key).await?;
        record_access(&mut tx, &key.scopes, &entry_of(app, Author::HOST, &key)).await?;
    }
    tx.commit().await?;
    Ok(secret.as_str().to_owned())
}
