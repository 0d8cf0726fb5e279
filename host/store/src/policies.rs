//! Onboarding policies, and the registrations that they hold.

use chancery_domain::onboarding::{Channel, Held};
use chancery_domain::{Tenant, TenantId};
use serde_json::Value;
use sqlx::query;
use time::OffsetDateTime;

use crate::convert::digest;
use crate::directory::TenantRow;
use crate::{PlatformTx, StoreError, TenantTx};

/// The most registrations that a list shows; the others come when these are decided.
const MOST_LISTED: i64 = 1_000;

/// A policy that is asked at every registration.
#[derive(Debug, Clone, PartialEq)]
pub struct InstalledPolicy {
    /// What its operator calls it.
    pub name: String,
    /// SHA-256 of the component.
    pub component: [u8; 32],
    /// The configuration of it.
    pub configuration: Value,
    /// Since when.
    pub installed_at: OffsetDateTime,
}

/// A tenant that waits, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldRegistration {
    /// The tenant.
    pub tenant: Tenant,
    /// By which way it came.
    pub channel: Channel,
    /// Why it waits.
    pub held: Held,
}

impl PlatformTx {
    /// The policies, by name.
    pub async fn policies(&mut self) -> Result<Vec<InstalledPolicy>, StoreError> {
        let rows = query!("select name, component, configuration, installed_at from policies order by name")
            .fetch_all(self.session.statement())
            .await;
        let rows = self.session.settle(rows)?.into_iter();
        rows.map(|row| {
            Ok(InstalledPolicy {
                component: digest(&row.component, "policies", "component")?,
                name: row.name,
                configuration: row.configuration,
                installed_at: row.installed_at,
            })
        })
        .collect()
    }

    /// Installs a policy under its name, in the place of the one before.
    pub async fn install_policy(&mut self, policy: &InstalledPolicy) -> Result<(), StoreError> {
        let done = query!(
            "insert into policies (name, component, configuration, installed_at)
             values ($1, $2, $3::text::json, $4)
             on conflict (name) do update set component = excluded.component,
                 configuration = excluded.configuration, installed_at = excluded.installed_at",
            policy.name,
            policy.component.as_slice(),
            policy.configuration.to_string(),
            policy.installed_at,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Removes the policy of that name. `false` if there is none.
    pub async fn remove_policy(&mut self, name: &str) -> Result<bool, StoreError> {
        let done =
            query!("delete from policies where name = $1", name).execute(self.session.statement()).await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// The registrations that wait, the oldest first.
    pub async fn held_registrations(&mut self) -> Result<Vec<HeldRegistration>, StoreError> {
        let rows = query!(
            "select t.id, t.slug, t.name, t.status, t.parent, t.system, t.version, t.delete_at,
                 h.channel, h.held_at, h.verifications, h.reasons
             from held_registrations h join tenants t on t.id = h.tenant_id
             where t.status in ('pending-approval', 'pending-verification')
             order by h.held_at, t.id limit $1",
            MOST_LISTED,
        )
        .fetch_all(self.session.statement())
        .await;
        let rows = self.session.settle(rows)?.into_iter();
        rows.map(|row| {
            let corrupt = |column| move |_| StoreError::corrupt("held_registrations", column);
            let tenant = TenantRow {
                id: row.id,
                slug: row.slug,
                name: row.name,
                status: row.status,
                parent: row.parent,
                system: row.system,
                version: row.version,
                delete_at: row.delete_at,
            };
            Ok(HeldRegistration {
                tenant: tenant.tenant()?,
                channel: Channel::parse(&row.channel)
                    .ok_or_else(|| StoreError::corrupt("held_registrations", "channel"))?,
                held: Held {
                    verifications: serde_json::from_value(row.verifications)
                        .map_err(corrupt("verifications"))?,
                    reasons: serde_json::from_value(row.reasons).map_err(corrupt("reasons"))?,
                    since: row.held_at,
                },
            })
        })
        .collect()
    }

    /// The registration was decided upon, or its tenant is gone.
    pub async fn settle_registration(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        let done = query!("delete from held_registrations where tenant_id = $1", tenant.uuid())
            .execute(self.session.statement())
            .await;
        self.session.settle(done).map(drop)
    }
}

impl TenantTx {
    /// Notes why the tenant, which is being registered, has to wait.
    pub(crate) async fn hold(&mut self, channel: Channel, held: &Held) -> Result<(), StoreError> {
        let written = |value: Result<Value, serde_json::Error>| {
            value.map_err(|_| StoreError::corrupt("held_registrations", "reasons"))
        };
        let done = query!(
            "insert into held_registrations (channel, held_at, verifications, reasons) values ($1, $2, $3, $4)",
            channel.as_str(),
            held.since,
            written(serde_json::to_value(&held.verifications))?,
            written(serde_json::to_value(&held.reasons))?,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }
}
