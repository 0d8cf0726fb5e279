//! Founds the deployment's own tenant, once: whoever comes first operates it.

use chancery_credential::secrets::ApiKeySecret;
use chancery_domain::audit::Author;
use chancery_domain::scope::Scope;
use chancery_domain::tenant::TenantStatus;
use chancery_domain::{Tenant, TenantId, random_bytes};
use chancery_store::StoreError;

use super::register_tenant::begin_tenant;
use crate::app::App;
use crate::manage::api_keys::new_api_key;

/// Names the application tenant inside. Reserved, so nobody else's; never seen in URLs.
const SLUG: &str = "platform";

/// Makes the application tenant and the key of its first operator; none if that was done before. The row
/// is the gate: of many who try at once, one inserts it.
pub(crate) async fn found_platform(
    app: &App,
    author: Author,
    name: &str,
) -> Result<Option<ApiKeySecret>, StoreError> {
    let tenant = Tenant {
        id: TenantId::new(app.now(), random_bytes(app.random.as_ref())),
        slug: SLUG.to_owned(),
        name: name.to_owned(),
        status: TenantStatus::Active,
        parent: None,
        system: true,
        version: 1,
        delete_at: None,
    };
    let (mut new, _) = begin_tenant(app, author, tenant).await?;
    let (key, secret) = new_api_key(app, "first key", vec![Scope::PlatformAdmin, Scope::Owner]);
    new.api_key = Some(key);
    let mut tx = app.store.provision().await?;
    let is_first = tx.register(&new).await?;
    tx.commit().await?;
    app.tenants.forget_all();
    Ok(is_first.then_some(secret))
}
