//! The deployment's own row: its key check, and whether it was restored.

use sqlx::query;
use uuid::Uuid;

use crate::convert::{signed, unsigned};
use crate::{PlatformTx, StoreError};

/// What the database remembers of the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployment {
    /// The check value of the master key that seals the secrets in this database.
    pub key_check: [u8; 16],
    /// While the master is being rotated: the check value of the next one.
    pub next_key_check: Option<[u8; 16]>,
    /// Whether that rotation moves every tenant to new keys.
    pub next_moves_keys: bool,
    /// How often the database was restored, as far as it knows.
    pub restore_epoch: u32,
    /// Whether the row was written by another cluster or on another timeline: the database was restored
    /// from a backup or a standby took over, and what happened last may be missing.
    pub restored: bool,
}

impl PlatformTx {
    /// The deployment, once it was founded.
    pub async fn deployment(&mut self) -> Result<Option<Deployment>, StoreError> {
        let row = query!(
            r#"select key_check, next_key_check, next_moves_keys, restore_epoch,
                   (d.system_identifier, d.timeline) is distinct from (s.system_identifier, c.timeline_id)
                       as "restored!"
               from deployment d, pg_control_system() s, pg_control_checkpoint() c"#
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session
            .settle(row)?
            .map(|row| {
                let check_value = |bytes: Vec<u8>| {
                    bytes.try_into().map_err(|_| StoreError::corrupt("deployment", "key_check"))
                };
                Ok(Deployment {
                    key_check: check_value(row.key_check)?,
                    next_key_check: row.next_key_check.map(check_value).transpose()?,
                    next_moves_keys: row.next_moves_keys,
                    restore_epoch: unsigned(row.restore_epoch, "deployment", "restore_epoch")?,
                    restored: row.restored,
                })
            })
            .transpose()
    }

    /// Founds the deployment. `false` if that has been done, by another replica perhaps.
    pub async fn found_deployment(
        &mut self,
        key_check: [u8; 16],
        restore_epoch: u32,
    ) -> Result<bool, StoreError> {
        let done = query!(
            "insert into deployment (key_check, restore_epoch, system_identifier, timeline)
             select $1, $2, s.system_identifier, c.timeline_id
             from pg_control_system() s, pg_control_checkpoint() c
             on conflict do nothing",
            key_check.as_slice(),
            signed(restore_epoch, "deployment", "restore_epoch")?,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Begins a new restore epoch: every offer under way is dead, and no status list that exists gets a
    /// new entry. For a deployment that finds itself [`restored`](Deployment::restored), or behind what was seen of
    /// it. `epoch` is drawn at random, so that it is told from those that the restore made forgotten.
    pub async fn begin_restore_epoch(&mut self, epoch: Uuid) -> Result<(), StoreError> {
        let done = query!(
            "update deployment d
             set restore_epoch = d.restore_epoch + 1,
                 system_identifier = s.system_identifier,
                 timeline = c.timeline_id
             from pg_control_system() s, pg_control_checkpoint() c"
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        let done = query!("update history set epoch = $1", epoch).execute(self.session.statement()).await;
        self.session.settle(done).map(drop)
    }
}
