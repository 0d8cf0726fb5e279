//! Plugins: their bytes, kept once by digest, and the shelves that versions stand on.

use chancery_domain::plugin::{Approval, Whose};
use serde_json::Value;
use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;

use crate::convert::digest;
use crate::{PlatformTx, StoreError, TenantTx};

/// The most versions that a list shows.
const MOST_LISTED: i64 = 1_000;

/// A plugin that was found sound.
#[derive(Debug, Clone, PartialEq)]
pub struct NewComponent<'a> {
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
    /// The name in its manifest.
    pub name: &'a str,
    /// The version in its manifest.
    pub version: &'a str,
    /// Which hook it implements.
    pub hook: &'a str,
    /// What was found.
    pub report: Value,
    /// The component itself.
    pub wasm: &'a [u8],
}

/// A version that stands on a shelf.
#[derive(Debug, Clone, PartialEq)]
pub struct Shelved {
    /// SHA-256 of the bytes: its identity.
    pub digest: [u8; 32],
    /// The name in its manifest.
    pub name: String,
    /// The version in its manifest.
    pub version: String,
    /// Which hook it implements.
    pub hook: String,
    /// Bytes of the component.
    pub size: u32,
    /// What was found when it came in.
    pub report: Option<Value>,
    /// Whether somebody has it quarantined.
    pub quarantined: bool,
    /// On whose shelf.
    pub whose: Whose,
    /// Whether it may be activated.
    pub approval: Approval,
    /// When it came.
    pub uploaded_at: OffsetDateTime,
    /// Who brought it, in the words of the audit trail.
    pub uploaded_by: String,
    /// What its publisher signed, as it came.
    pub signature: Option<String>,
}

struct Row {
    digest: Vec<u8>,
    name: String,
    version: String,
    hook: String,
    size: i32,
    report: Option<Value>,
    status: String,
    own: bool,
    state: String,
    uploaded_at: OffsetDateTime,
    uploaded_by: String,
    signature: Option<String>,
}

impl Row {
    fn shelved(self) -> Result<Shelved, StoreError> {
        Ok(Shelved {
            digest: digest(&self.digest, "plugin_components", "digest")?,
            name: self.name,
            version: self.version,
            hook: self.hook,
            size: u32::try_from(self.size).unwrap_or_default(),
            report: self.report,
            quarantined: self.status == "quarantined",
            whose: if self.own { Whose::Tenant } else { Whose::Deployment },
            approval: Approval::parse(&self.state)
                .ok_or_else(|| StoreError::corrupt("tenant_plugins", "state"))?,
            uploaded_at: self.uploaded_at,
            uploaded_by: self.uploaded_by,
            signature: self.signature,
        })
    }
}

/// The same shelf, whether it is a tenant's or the deployment's.
macro_rules! shelf {
    ($scope:ty, $table:tt) => {
        impl $scope {
            /// Puts a version on the shelf. `false` if it stands there.
            pub async fn shelve(
                &mut self,
                component: &[u8; 32],
                approval: Approval,
                at: OffsetDateTime,
                by: &str,
            ) -> Result<bool, StoreError> {
                let done = query!(
                    "insert into "
                        + $table
                        + " (component, state, uploaded_at, uploaded_by)
                     values ($1, $2, $3, $4) on conflict do nothing",
                    component.as_slice(),
                    approval.as_str(),
                    at,
                    by,
                )
                .execute(self.session.statement())
                .await;
                Ok(self.session.settle(done)?.rows_affected() == 1)
            }

            /// Keeps what its publisher signed, in the place of what was kept. `false` if that changes nothing.
            pub async fn keep_signature(
                &mut self,
                component: &[u8; 32],
                signature: &str,
            ) -> Result<bool, StoreError> {
                let done = query!(
                    "update "
                        + $table
                        + " set signature = $2 where component = $1 and signature is distinct from $2",
                    component.as_slice(),
                    signature,
                )
                .execute(self.session.statement())
                .await;
                Ok(self.session.settle(done)?.rows_affected() == 1)
            }

            /// Lets a version be activated from the shelf. `false` if it does not wait there.
            pub async fn approve(&mut self, component: &[u8; 32]) -> Result<bool, StoreError> {
                let done = query!(
                    "update "
                        + $table
                        + " set state = 'approved' where component = $1 and state = 'awaiting-approval'",
                    component.as_slice(),
                )
                .execute(self.session.statement())
                .await;
                Ok(self.session.settle(done)?.rows_affected() == 1)
            }

            /// Takes a version from the shelf. `false` if it does not stand there.
            pub async fn unshelve(&mut self, component: &[u8; 32]) -> Result<bool, StoreError> {
                let done = query!("delete from " + $table + " where component = $1", component.as_slice())
                    .execute(self.session.statement())
                    .await;
                Ok(self.session.settle(done)?.rows_affected() == 1)
            }
        }
    };
}

shelf!(TenantTx, "tenant_plugins");
shelf!(PlatformTx, "catalogued_plugins");

impl TenantTx {
    /// What the tenant may take from: its own shelf, and what is approved on the deployment's. The newest first;
    /// of one that stands on both, its own.
    pub async fn plugins(&mut self, only: Option<&[u8; 32]>) -> Result<Vec<Shelved>, StoreError> {
        let rows = query_as!(
            Row,
            r#"select c.digest, c.name, c.version, c.hook, c.size as "size!", c.report, c.status, s.own as "own!",
                   s.state as "state!", s.uploaded_at as "uploaded_at!", s.uploaded_by as "uploaded_by!",
                   s.signature as "signature?"
               from (
                   select component, state, uploaded_at, uploaded_by, signature, true as own from tenant_plugins
                   union all
                   select component, state, uploaded_at, uploaded_by, signature, false from catalogued_plugins k
                   where state = 'approved'
                     and not exists (select from tenant_plugins t where t.component = k.component)
               ) s
               join plugin_components c on c.digest = s.component
               where $1::bytea is null or c.digest = $1
               order by s.uploaded_at desc, c.name, c.digest
               limit $2"#,
            only.map(<[u8; 32]>::as_slice),
            MOST_LISTED,
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)?.into_iter().map(Row::shelved).collect()
    }
}

impl TenantTx {
    /// How many versions are kept for the tenant alone, and the bytes of them: what stands on its shelf, and what it
    /// ever activated.
    pub async fn plugins_kept(&mut self) -> Result<(u64, u64), StoreError> {
        let kept = query!(
            r#"select count(*) as "versions!", coalesce(sum(c.size), 0)::bigint as "bytes!"
               from plugin_components c
               where c.digest in (select component from tenant_plugins union select component from activations)
                 and not exists (select from catalogued_plugins k where k.component = c.digest)"#
        )
        .fetch_one(self.session.statement())
        .await;
        let kept = self.session.settle(kept)?;
        Ok((u64::try_from(kept.versions).unwrap_or_default(), u64::try_from(kept.bytes).unwrap_or_default()))
    }
}

impl PlatformTx {
    /// What stands on the deployment's shelf, the newest first.
    pub async fn plugins(&mut self, only: Option<&[u8; 32]>) -> Result<Vec<Shelved>, StoreError> {
        let rows = query_as!(
            Row,
            r#"select c.digest, c.name, c.version, c.hook, c.size as "size!", c.report, c.status, false as "own!",
                   s.state, s.uploaded_at, s.uploaded_by, s.signature
               from catalogued_plugins s join plugin_components c on c.digest = s.component
               where $1::bytea is null or c.digest = $1
               order by s.uploaded_at desc, c.name, c.digest
               limit $2"#,
            only.map(<[u8; 32]>::as_slice),
            MOST_LISTED,
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)?.into_iter().map(Row::shelved).collect()
    }

    /// Keeps a plugin's bytes. `false` if they are kept already; a digest never changes its bytes.
    pub async fn put_component(&mut self, new: &NewComponent<'_>) -> Result<bool, StoreError> {
        let done = query!(
            "insert into plugin_components (digest, name, version, hook, report, wasm)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (digest) do nothing",
            new.digest.as_slice(),
            new.name,
            new.version,
            new.hook,
            new.report,
            new.wasm,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// A plugin's bytes, unless it was quarantined.
    pub async fn component(&mut self, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let wasm = query_scalar!(
            "select wasm from plugin_components where digest = $1 and status = 'available'",
            digest.as_slice()
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(wasm)
    }

    /// Whether the plugin is there, and nobody quarantined it.
    pub async fn is_available(&mut self, digest: &[u8; 32]) -> Result<bool, StoreError> {
        let is = query_scalar!(
            r#"select exists (
                   select from plugin_components where digest = $1 and status = 'available'
               ) as "is!""#,
            digest.as_slice()
        )
        .fetch_one(self.session.statement())
        .await;
        self.session.settle(is)
    }

    /// Forbids everybody to use a plugin, wherever it stands: no intent that names it is recorded. Or permits it
    /// again. `false` if that changes nothing.
    pub async fn quarantine(&mut self, digest: &[u8; 32], forbidden: bool) -> Result<bool, StoreError> {
        let status = if forbidden { "quarantined" } else { "available" };
        let done = query!(
            "update plugin_components set status = $2 where digest = $1 and status <> $2",
            digest.as_slice(),
            status,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Deletes the bytes of a plugin. Fails if anything refers to it: a shelf, or what was ever active.
    pub async fn drop_component(&mut self, digest: &[u8; 32]) -> Result<bool, StoreError> {
        let done = query!("delete from plugin_components where digest = $1", digest.as_slice())
            .execute(self.session.statement())
            .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }
}
