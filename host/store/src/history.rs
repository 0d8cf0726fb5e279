//! Whether the database is as late as what was seen of it, and what was published and is not in it.

use chancery_domain::CredentialStatus;
use sqlx::query;
use uuid::Uuid;

use crate::convert::{signed, signed_list};
use crate::{PlatformTx, StoreError, TenantTx};

/// How many statuses one statement takes back.
const RECOVERED_AT_ONCE: usize = 10_000;

/// Where a database is in its life. Hosts keep what they saw last, and compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Whose life it is; a copy of the database keeps it.
    pub deployment: Uuid,
    /// Drawn when a restore was noticed.
    pub epoch: Uuid,
    /// Goes up only.
    pub mark: u64,
}

/// What a list said when it was published last.
#[derive(Debug, Clone, Copy)]
pub struct PublishedStatuses<'a> {
    /// The number of the list.
    pub list: u64,
    /// How many entries it has.
    pub size: u32,
    /// The version of its entries.
    pub version: u64,
    /// Those that are not valid.
    pub statuses: &'a [(u32, CredentialStatus)],
}

/// What became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Credentials that are revoked again.
    pub revoked: u64,
    /// Entries of credentials that the database knows nothing of; they stay as they were published.
    pub forgotten: u64,
    /// Credentials that were suspended when the list was published and are not now.
    pub not_suspended: u64,
}

impl PlatformTx {
    /// Where the database is.
    pub async fn history(&mut self) -> Result<History, StoreError> {
        let row =
            query!("select deployment, epoch, mark from history").fetch_one(self.session.statement()).await;
        let row = self.session.settle(row)?;
        Ok(History { deployment: row.deployment, epoch: row.epoch, mark: mark(row.mark)? })
    }

    /// Raises the mark above what it is, and above `seen`.
    pub async fn raise_mark(&mut self, seen: u64) -> Result<History, StoreError> {
        let row = query!(
            "update history set mark = greatest(mark, $1) + 1 returning deployment, epoch, mark",
            i64::try_from(seen).map_err(|_| StoreError::corrupt("history", "mark"))?
        )
        .fetch_one(self.session.statement())
        .await;
        let row = self.session.settle(row)?;
        Ok(History { deployment: row.deployment, epoch: row.epoch, mark: mark(row.mark)? })
    }
}

impl TenantTx {
    /// Takes back what was published of a list and a restore undid. What is revoked stays revoked, whoever remembers
    /// it; of what was suspended and is known, nobody can tell whether it was reinstated, so that is left alone.
    pub async fn recover_statuses(
        &mut self,
        published: &PublishedStatuses<'_>,
    ) -> Result<Recovered, StoreError> {
        let list = signed_list(published.list, "status_lists")?;
        let version =
            i64::try_from(published.version).map_err(|_| StoreError::corrupt("status_lists", "version"))?;
        // A list that is not known was opened after the backup. It gets no further entry.
        let done = query!(
            "insert into status_lists (list, opened, size, next, version, restore_epoch)
             values ($1, coalesce((select max(opened) from status_lists), -1) + 1, $2, $2, $3,
                 coalesce((select restore_epoch from deployment where one), 0))
             on conflict (tenant_id, list) do nothing",
            list,
            signed(published.size, "status_lists", "size")?,
            version,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        let mut recovered = Recovered::default();
        for part in published.statuses.chunks(RECOVERED_AT_ONCE) {
            let of = |status| {
                let entries = part.iter().filter(move |entry| entry.1 == status);
                entries.map(|entry| signed(entry.0, "credentials", "idx")).collect::<Result<Vec<_>, _>>()
            };
            let row = query!(
                r#"with revoked as (
                     update credentials set status = 'revoked'
                     where list = $1 and idx = any($2) and status <> 'revoked'
                     returning idx
                 ), forgotten as (
                     insert into forgotten_statuses (list, idx, status)
                     select $1, p.idx, p.status from (
                         select unnest($2::integer[]) as idx, 'revoked' as status
                         union all
                         select unnest($3::integer[]), 'suspended'
                     ) p
                     where not exists (select from credentials c where c.list = $1 and c.idx = p.idx)
                     on conflict (tenant_id, list, idx) do update set status = 'revoked'
                         where excluded.status = 'revoked' and forgotten_statuses.status <> 'revoked'
                     returning idx
                 )
                 select (select count(*) from revoked) as "revoked!", (select count(*) from forgotten) as "forgotten!",
                     (select count(*) from credentials
                      where list = $1 and idx = any($3) and status = 'valid') as "not_suspended!""#,
                list,
                &of(CredentialStatus::Revoked)?,
                &of(CredentialStatus::Suspended)?,
            )
            .fetch_one(self.session.statement())
            .await;
            let row = self.session.settle(row)?;
            recovered.revoked += row.revoked.unsigned_abs();
            recovered.forgotten += row.forgotten.unsigned_abs();
            recovered.not_suspended += row.not_suspended.unsigned_abs();
        }
        // Past the version that was published, so that nobody takes what they have for what is.
        let done = query!(
            "update status_lists set version = greatest(version, $2) + 1 where list = $1",
            list,
            version
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        Ok(recovered)
    }
}

fn mark(mark: i64) -> Result<u64, StoreError> {
    mark.try_into().map_err(|_| StoreError::corrupt("history", "mark"))
}
