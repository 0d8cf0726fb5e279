//! The store: two pools of connections, one per serving role, and the doors to them.

use std::str::FromStr;
use std::sync::Arc;

use chancery_domain::TenantId;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::migrate::{self, RolePasswords};
use crate::pool::{Pool, Traffic};
use crate::session::Session;
use crate::{By, Directory, PlatformTx, ProvisionTx, StoreError, TenantTx};

/// Where the serving roles connect.
#[derive(Clone)]
pub struct Urls {
    /// As `chancery_tenant`.
    pub tenant: String,
    /// As `chancery_platform`.
    pub platform: String,
}

impl Urls {
    /// The same server and database as `admin_url`, as the serving roles.
    pub fn serving(admin_url: &str, passwords: &RolePasswords) -> Result<Self, StoreError> {
        let as_role = |role: &str, password: &str| {
            let unusable = || StoreError::Configuration("no user can be set".to_owned());
            let mut url =
                Url::parse(admin_url).map_err(|error| StoreError::Configuration(error.to_string()))?;
            url.set_username(role).map_err(|()| unusable())?;
            url.set_password(Some(password)).map_err(|()| unusable())?;
            Ok::<_, StoreError>(url.into())
        };
        Ok(Self {
            tenant: as_role(migrate::TENANT_ROLE, &passwords.tenant)?,
            platform: as_role(migrate::PLATFORM_ROLE, &passwords.platform)?,
        })
    }
}

impl std::fmt::Debug for Urls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Urls(passwords withheld)")
    }
}

/// How many connections each role may have open.
#[derive(Debug, Clone, Copy)]
pub struct PoolSize {
    /// For tenants.
    pub tenant: u32,
    /// Of those, at most for one tenant at a time.
    pub share: u32,
    /// For the platform.
    pub platform: u32,
}

impl Default for PoolSize {
    fn default() -> Self {
        Self { tenant: 16, share: 4, platform: 2 }
    }
}

impl PoolSize {
    /// Where there is but one tenant, all is its own.
    #[must_use]
    pub fn for_one_tenant(self) -> Self {
        Self { share: self.tenant, ..self }
    }
}

/// The database, as the server sees it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    tenant: Arc<Pool>,
    platform: Arc<Pool>,
}

impl Store {
    /// Sets the roles up and brings the schema to this program's version, as the role that
    /// `admin_url` names, which is used for nothing else. Replicas may do so at the same time.
    pub async fn migrate(admin_url: &str, passwords: &RolePasswords) -> Result<(), StoreError> {
        migrate::migrate(admin_url, passwords, None).await
    }

    /// Connects as the serving roles. Refuses a role that could bypass row-level security, and a
    /// database that was not migrated.
    pub async fn open(urls: &Urls, size: PoolSize) -> Result<Self, StoreError> {
        Self::open_any(std::slice::from_ref(urls), size).await
    }

    /// The same, where the passwords of the serving roles may change from those of one to those of another while
    /// the store is in use.
    pub async fn open_any(urls: &[Urls], size: PoolSize) -> Result<Self, StoreError> {
        let ways = |url: fn(&Urls) -> &String| {
            let way = |urls| Ok(PgConnectOptions::from_str(url(urls))?.application_name("chancery"));
            urls.iter().map(way).collect::<Result<Vec<_>, StoreError>>()
        };
        let store = Self {
            tenant: Pool::new(ways(|urls| &urls.tenant)?, size.tenant, size.share),
            platform: Pool::new(ways(|urls| &urls.platform)?, size.platform, size.platform),
        };
        migrate::check_serving_role(&store.tenant).await?;
        migrate::check_serving_role(&store.platform).await?;
        Ok(store)
    }

    /// From a name to a tenant, read-only.
    pub fn directory(&self) -> Directory {
        Directory { pool: Arc::clone(&self.tenant) }
    }

    /// Opens a transaction of one tenant. One round trip.
    pub async fn tenant(&self, tenant: TenantId) -> Result<TenantTx, StoreError> {
        let session = Session::for_tenant(&self.tenant, tenant.uuid()).await?;
        Ok(TenantTx { tenant, session, tried: None })
    }

    /// Opens a transaction on the deployment's own tables. One round trip.
    pub async fn platform(&self, by: By) -> Result<PlatformTx, StoreError> {
        tracing::debug!(?by, "opening a platform transaction");
        Ok(PlatformTx { session: Session::for_platform(&self.platform).await? })
    }

    /// Prepares to add one tenant; the transaction opens when its name is known.
    #[expect(clippy::unused_async, reason = "opening a transaction is asynchronous everywhere else")]
    pub async fn provision(&self) -> Result<ProvisionTx, StoreError> {
        Ok(ProvisionTx { pool: Arc::clone(&self.tenant), session: None, broken: false })
    }

    /// How to connect for notifications; the platform's role, because they name tenants and hold nothing else.
    pub(crate) fn listening(&self) -> &[PgConnectOptions] {
        self.platform.ways()
    }

    /// How much the database was asked, since the store was opened.
    pub fn traffic(&self) -> Traffic {
        let (tenant, platform) = (self.tenant.traffic(), self.platform.traffic());
        Traffic {
            transactions: tenant.transactions + platform.transactions,
            round_trips: tenant.round_trips + platform.round_trips,
        }
    }

    /// Stops handing out connections and closes those that are not in use.
    pub fn close(&self) {
        self.tenant.close();
        self.platform.close();
    }
}
