//! The licence: what is installed, what was last read in it, and the one place where tenants are counted against it.
//!
//! Two registrations at once are one after the other here: whoever counts holds a lock until its own tenant is
//! committed. So of two that want the last place one finds it taken, in whatever process they run.

use chancery_domain::TenantId;
use chancery_domain::onboarding::{Full, TenantCounts, TenantPlaces};
use serde_json::Value;
use sqlx::{query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::convert::digest;
use crate::session::Session;
use crate::{Directory, PlatformTx, StoreError, TenantTx};

/// Held by whoever counts tenants, and by whoever changes the licence; "license" in ASCII.
const LOCK: i64 = 0x006c_6963_656e_7365;

/// A licence plugin in a configuration, and the document that it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct InstalledLicense {
    /// Another one for everything that is installed.
    pub revision: Uuid,
    /// SHA-256 of the component.
    pub component: [u8; 32],
    /// The configuration of it.
    pub configuration: Value,
    /// The document, sealed.
    pub sealed_document: Option<Vec<u8>>,
    /// SHA-256 of the document.
    pub document_hash: Option<[u8; 32]>,
    /// Since when.
    pub installed_at: OffsetDateTime,
    /// The latest time that any host has seen.
    pub latest_at: OffsetDateTime,
    /// What the plugin last read in the document, and when.
    pub entitlements: Option<(Value, OffsetDateTime)>,
    /// Since when the plugin has not answered.
    pub failing_since: Option<OffsetDateTime>,
}

/// By which licence a registration was judged, and how many places that leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gate {
    /// The licence; none if none is installed.
    pub license: Option<Uuid>,
    /// How many tenants there may be.
    pub places: TenantPlaces,
}

/// Whether a gate lets one more tenant through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    Open,
    Full(Full),
    /// Another licence is in force than the one that was judged by.
    Moved,
}

impl Directory {
    /// How many tenants there are, and how deep one below `parent` would lie: 1 at the root.
    pub async fn counts(&self, parent: Option<TenantId>) -> Result<(TenantCounts, u32), StoreError> {
        let mut session = Session::for_platform(&self.pool).await?;
        let counts = count(&mut session, parent).await?;
        let above = query_scalar!(
            r#"with recursive above as (
                   select id, parent from tenants where id = $1
                   union all
                   select t.id, t.parent from tenants t join above a on t.id = a.parent
               )
               select count(*) as "above!" from above"#,
            parent.map(TenantId::uuid),
        )
        .fetch_one(session.statement())
        .await;
        let above = session.settle(above)?;
        session.commit().await?;
        Ok((counts, saturated(above).saturating_add(1)))
    }
}

impl TenantTx {
    /// Whether there is a place for the tenant that is being registered. It stays until the transaction is over.
    pub(crate) async fn pass(&mut self, gate: &Gate, at_root: bool) -> Result<Passage, StoreError> {
        let counted = gate.places != TenantPlaces::default();
        if counted {
            let locked =
                query!("select pg_advisory_xact_lock($1)", LOCK).execute(self.session.statement()).await;
            self.session.settle(locked)?;
        }
        let current =
            query_scalar!("select revision from licenses").fetch_optional(self.session.statement()).await;
        if self.session.settle(current)? != gate.license {
            return Ok(Passage::Moved);
        }
        if !counted {
            return Ok(Passage::Open);
        }
        let counts = count(&mut self.session, None).await?;
        Ok(gate.places.full(&counts, at_root).map_or(Passage::Open, Passage::Full))
    }
}

impl PlatformTx {
    /// The licence, if any is installed.
    pub async fn license(&mut self) -> Result<Option<InstalledLicense>, StoreError> {
        let row = query!(
            "select revision, component, configuration, sealed_document, document_hash, installed_at, latest_at,
                 entitlements, entitled_at, failing_since
             from licenses"
        )
        .fetch_optional(self.session.statement())
        .await;
        let Some(row) = self.session.settle(row)? else { return Ok(None) };
        let hash = row.document_hash.map(|hash| digest(&hash, "licenses", "document_hash")).transpose()?;
        Ok(Some(InstalledLicense {
            revision: row.revision,
            component: digest(&row.component, "licenses", "component")?,
            configuration: row.configuration,
            sealed_document: row.sealed_document,
            document_hash: hash,
            installed_at: row.installed_at,
            latest_at: row.latest_at,
            entitlements: row.entitlements.zip(row.entitled_at),
            failing_since: row.failing_since,
        }))
    }

    /// Puts the licence in the place of the one before.
    pub async fn install_license(&mut self, new: &InstalledLicense) -> Result<(), StoreError> {
        self.lock_license().await?;
        let (entitlements, entitled_at) = new.entitlements.clone().unzip();
        let done = query!(
            "insert into licenses (revision, component, configuration, sealed_document, document_hash,
                 installed_at, latest_at, entitlements, entitled_at, failing_since)
             values ($1, $2, $3::text::json, $4, $5, $6, $7, $8, $9, $10)
             on conflict (one) do update set revision = excluded.revision, component = excluded.component,
                 configuration = excluded.configuration, sealed_document = excluded.sealed_document,
                 document_hash = excluded.document_hash, installed_at = excluded.installed_at,
                 latest_at = excluded.latest_at, entitlements = excluded.entitlements,
                 entitled_at = excluded.entitled_at, failing_since = excluded.failing_since",
            new.revision,
            new.component.as_slice(),
            new.configuration.to_string(),
            new.sealed_document,
            new.document_hash.as_ref().map(<[u8; 32]>::as_slice),
            new.installed_at,
            new.latest_at,
            entitlements,
            entitled_at,
            new.failing_since,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Removes the licence: nothing is bounded any more. `false` if there is none.
    pub async fn remove_license(&mut self) -> Result<bool, StoreError> {
        self.lock_license().await?;
        let done = query!("delete from licenses").execute(self.session.statement()).await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Notes what the plugin has read in the document of that revision.
    pub async fn note_entitlements(
        &mut self,
        revision: Uuid,
        entitlements: &Value,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let done = query!(
            "update licenses set entitlements = $2, entitled_at = $3 where revision = $1",
            revision,
            entitlements,
            at,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Notes that the plugin answers, or that it does not; the answer is since when.
    pub async fn note_license_answers(
        &mut self,
        revision: Uuid,
        answers: bool,
        at: OffsetDateTime,
    ) -> Result<Option<OffsetDateTime>, StoreError> {
        let since = query_scalar!(
            "update licenses set failing_since = case when $2 then null else coalesce(failing_since, $3) end
             where revision = $1
             returning failing_since",
            revision,
            answers,
            at,
        )
        .fetch_optional(self.session.statement())
        .await;
        Ok(self.session.settle(since)?.flatten())
    }

    /// Remembers that it was so late already; a minute more or less is not worth a write.
    pub async fn note_time(&mut self, now: OffsetDateTime) -> Result<(), StoreError> {
        let done = query!(
            "update licenses set latest_at = $1 where latest_at < $1::timestamptz - interval '1 minute'",
            now
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Replaces the sealed document by the same one, sealed under another master.
    pub async fn reseal_license(&mut self, revision: Uuid, sealed: &[u8]) -> Result<bool, StoreError> {
        let done = query!("update licenses set sealed_document = $2 where revision = $1", revision, sealed)
            .execute(self.session.statement())
            .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    async fn lock_license(&mut self) -> Result<(), StoreError> {
        let locked = query!("select pg_advisory_xact_lock($1)", LOCK).execute(self.session.statement()).await;
        self.session.settle(locked).map(drop)
    }
}

/// How many tenants there are; what was deleted, or never let in, takes no place.
async fn count(session: &mut Session, parent: Option<TenantId>) -> Result<TenantCounts, StoreError> {
    let row = query!(
        r#"select count(*) as "total!",
               count(*) filter (where parent is null) as "roots!",
               count(*) filter (where parent is not distinct from $1) as "siblings!",
               count(*) filter (where status in ('pending-approval', 'pending-verification')) as "waiting!"
           from tenants where not system and status not in ('deleted', 'rejected')"#,
        parent.map(TenantId::uuid),
    )
    .fetch_one(session.statement())
    .await;
    let row = session.settle(row)?;
    Ok(TenantCounts {
        total: saturated(row.total),
        roots: saturated(row.roots),
        siblings: saturated(row.siblings),
        waiting: saturated(row.waiting),
    })
}

fn saturated(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
