//! What was chosen: for the deployment, for a tenant, for its callers. What nobody chose is not stored.

use std::collections::BTreeMap;

use chancery_domain::settings::Overrides;
use serde_json::Value;
use sqlx::{query, query_scalar};
use uuid::Uuid;

use crate::convert::{signed, unsigned};
use crate::{PlatformTx, StoreError, TenantTx};

/// What was chosen at one level, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// What was chosen.
    pub overrides: Overrides,
    /// Counts the changes; zero if there was none.
    pub version: u32,
}

/// Everything that was chosen for a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configurations {
    /// For the deployment.
    pub application: Overrides,
    /// For the tenant.
    pub tenant: Configuration,
    /// For its callers.
    pub principals: BTreeMap<Uuid, Configuration>,
}

impl TenantTx {
    /// Everything that was chosen for this tenant.
    pub async fn configurations(&mut self) -> Result<Configurations, StoreError> {
        let application = query_scalar!("select overrides from deployment where one")
            .fetch_optional(self.session.statement())
            .await;
        let application = self.session.settle(application)?.map(overrides).transpose()?;
        let rows = query!("select principal, overrides, version from configurations")
            .fetch_all(self.session.statement())
            .await;
        let mut all =
            Configurations { application: application.unwrap_or_default(), ..Configurations::default() };
        for row in self.session.settle(rows)? {
            let configuration = Configuration {
                overrides: overrides(row.overrides)?,
                version: unsigned(row.version, "configurations", "version")?,
            };
            if row.principal.is_nil() {
                all.tenant = configuration;
            } else {
                all.principals.insert(row.principal, configuration);
            }
        }
        Ok(all)
    }

    /// Writes over the version that was read, for the tenant or for one of its callers. `false` if somebody else was
    /// faster.
    pub async fn configure(
        &mut self,
        principal: Option<Uuid>,
        read: u32,
        overrides: &Overrides,
    ) -> Result<bool, StoreError> {
        let done = query!(
            "with changed as (
                 update configurations set overrides = $3, version = version + 1
                 where principal = $1 and version = $2
                 returning principal
             ), made as (
                 insert into configurations (principal, overrides, version)
                 select $1, $3, 1 where $2 = 0
                 on conflict do nothing
                 returning principal
             )
             select principal from changed union all select principal from made",
            principal.unwrap_or(Uuid::nil()),
            signed(read, "configurations", "version")?,
            written(overrides)?,
        )
        .fetch_optional(self.session.statement())
        .await;
        let done = self.session.settle(done)?.is_some();
        if done {
            self.announce_change().await?;
        }
        Ok(done)
    }
}

impl PlatformTx {
    /// What was chosen for the deployment.
    pub async fn configuration(&mut self) -> Result<Configuration, StoreError> {
        let row = query!("select overrides, overrides_version from deployment where one")
            .fetch_optional(self.session.statement())
            .await;
        let Some(row) = self.session.settle(row)? else { return Ok(Configuration::default()) };
        Ok(Configuration {
            overrides: overrides(row.overrides)?,
            version: unsigned(row.overrides_version, "deployment", "overrides_version")?,
        })
    }

    /// Writes over the version that was read. `false` if somebody else was faster.
    pub async fn configure(&mut self, read: u32, overrides: &Overrides) -> Result<bool, StoreError> {
        let done = query!(
            "update deployment set overrides = $2, overrides_version = overrides_version + 1
             where one and overrides_version = $1",
            signed(read, "deployment", "overrides_version")?,
            written(overrides)?,
        )
        .execute(self.session.statement())
        .await;
        let done = self.session.settle(done)?.rows_affected() == 1;
        if done {
            self.announce_change_of_all().await?;
        }
        Ok(done)
    }
}

/// A setting that this program does not know, or whose bounds were narrowed, must not keep a tenant from issuing.
fn overrides(stored: Value) -> Result<Overrides, StoreError> {
    let Value::Object(members) = stored else {
        return Err(StoreError::corrupt("configurations", "overrides"));
    };
    let mut known = serde_json::Map::new();
    for (name, value) in members {
        let alone = Value::Object([(name.clone(), value.clone())].into_iter().collect());
        if serde_json::from_value::<Overrides>(alone).is_ok() {
            known.insert(name, value);
        }
    }
    serde_json::from_value(Value::Object(known))
        .map_err(|_| StoreError::corrupt("configurations", "overrides"))
}

fn written(overrides: &Overrides) -> Result<Value, StoreError> {
    serde_json::to_value(overrides).map_err(|_| StoreError::corrupt("configurations", "overrides"))
}
