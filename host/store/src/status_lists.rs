//! Status lists: indices are leased in blocks and never used twice.

use chancery_domain::CredentialStatus;
use sqlx::query;

use crate::convert::{list_number, signed, signed_list, unsigned};
use crate::{StoreError, TenantTx};

/// How many entries a status list has: 256 KiB at two bits each, and a crowd to hide in.
pub const STATUS_LIST_SIZE: u32 = 1 << 20;

/// A block of status list counters, which nobody else has or will ever have.
///
/// They are counters from 0 to `size`; map them by the tenant's keyed permutation of the list
/// before anybody sees them, or the wallets of one day could be told from those of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a lease that is dropped burns its indices"]
pub struct Lease {
    /// The number of the list.
    pub list: u64,
    /// How many lists the tenant opened before it.
    pub opened: u32,
    /// The first counter of the block.
    pub first: u32,
    /// How many there are; fewer than asked for at the end of a list.
    pub count: u32,
    /// The size of the list.
    pub size: u32,
}

/// A status list, without its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusListRow {
    /// Goes up with every change of an entry.
    pub version: u64,
    /// How many entries there are.
    pub size: u32,
}

/// The list that is being filled.
#[derive(Clone, Copy)]
struct Newest {
    list: u64,
    opened: u32,
    size: u32,
    next: u32,
    /// Whether the database was restored since it was opened; then it may have handed out, in a
    /// future that is forgotten, what its counter now believes to be free.
    outdated: bool,
}

impl TenantTx {
    /// Takes a block of counters. A fresh list opens when the last is used up, or is from before a
    /// restore; it goes by the number `fresh`, which must be drawn at random: of lists that a restore forgot,
    /// nobody here knows the numbers. Commit before using them, and lease rarely: two who lease wait for one another.
    pub async fn lease_status_indices(&mut self, count: u32, fresh: u64) -> Result<Lease, StoreError> {
        loop {
            let newest = self.newest_status_list().await?;
            let open = newest.filter(|newest| !newest.outdated && newest.next < newest.size);
            let lease = match open {
                Some(Newest { list, opened, size, next, .. }) => {
                    Lease { list, opened, first: next, count: count.clamp(1, size - next), size }
                }
                None => Lease {
                    list: fresh,
                    opened: newest.map_or(0, |newest| newest.opened + 1),
                    first: 0,
                    count: count.clamp(1, STATUS_LIST_SIZE),
                    size: STATUS_LIST_SIZE,
                },
            };
            let list = signed_list(lease.list, "status_lists")?;
            let next = signed(lease.first + lease.count, "status_lists", "next")?;
            let done = if open.is_some() {
                query!("update status_lists set next = $2 where list = $1", list, next)
                    .execute(self.session.statement())
                    .await
            } else {
                query!(
                    "insert into status_lists (list, opened, size, next, version, restore_epoch)
                     values ($1, $2, $3, $4, 0, coalesce((select restore_epoch from deployment where one), 0))
                     on conflict (tenant_id, opened) do nothing",
                    list,
                    signed(lease.opened, "status_lists", "opened")?,
                    signed(lease.size, "status_lists", "size")?,
                    next,
                )
                .execute(self.session.statement())
                .await
            };
            // None: somebody else opened a list while we looked; it has room for us.
            if self.session.settle(done)?.rows_affected() == 1 {
                return Ok(lease);
            }
        }
    }

    /// Locks the newest list. While we wait for the lock a newer one may open, so its counter is
    /// read again once we have it; that it is used up by then, the caller sees.
    async fn newest_status_list(&mut self) -> Result<Option<Newest>, StoreError> {
        let row = query!(
            r#"select list, opened, size, next,
                   restore_epoch <> coalesce((select restore_epoch from deployment where one), 0) as "outdated!"
             from status_lists order by opened desc limit 1 for update"#
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session
            .settle(row)?
            .map(|row| {
                Ok(Newest {
                    list: list_number(row.list, "status_lists")?,
                    opened: unsigned(row.opened, "status_lists", "opened")?,
                    size: unsigned(row.size, "status_lists", "size")?,
                    next: unsigned(row.next, "status_lists", "next")?,
                    outdated: row.outdated,
                })
            })
            .transpose()
    }

    /// The list of that number.
    pub async fn status_list(&mut self, list: u64) -> Result<Option<StatusListRow>, StoreError> {
        // A number that no list has is no corruption: it comes out of a URL.
        let Ok(list) = i64::try_from(list) else { return Ok(None) };
        let row = query!("select version, size from status_lists where list = $1", list)
            .fetch_optional(self.session.statement())
            .await;
        self.session
            .settle(row)?
            .map(|row| {
                let version = u64::try_from(row.version);
                Ok(StatusListRow {
                    version: version.map_err(|_| StoreError::corrupt("status_lists", "version"))?,
                    size: unsigned(row.size, "status_lists", "size")?,
                })
            })
            .transpose()
    }

    /// The entries of a list that are not valid, by index; those too that were published before a restore and are
    /// of credentials that nothing else is known of.
    pub async fn statuses(&mut self, list: u64) -> Result<Vec<(u32, CredentialStatus)>, StoreError> {
        let rows = query!(
            r#"select idx as "idx!", status as "status!" from credentials where list = $1 and status <> 'valid'
               union all
               select idx, status from forgotten_statuses where list = $1
               order by 1"#,
            signed_list(list, "credentials")?,
        )
        .fetch_all(self.session.statement())
        .await;
        let rows = self.session.settle(rows)?.into_iter();
        rows.map(|row| {
            let status = CredentialStatus::parse(&row.status);
            Ok((
                unsigned(row.idx, "credentials", "idx")?,
                status.ok_or_else(|| StoreError::corrupt("credentials", "status"))?,
            ))
        })
        .collect()
    }
}
