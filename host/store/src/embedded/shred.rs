//! Making what was deleted disappear from the files of an embedded cluster.
//!
//! A deleted row stays in its page until VACUUM, in the planner's samples until ANALYZE, and in the write-ahead
//! log until its segments are removed. Segments are not recycled here (`wal_recycle=off`), so that a checkpoint
//! after a switch removes them.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, query_scalar, raw_sql};
use tokio::time::sleep;

use crate::StoreError;

/// A larger table is not rewritten, for nobody else can use it meanwhile. What it holds of a deleted tenant
/// was sealed under keys that are gone, or names nobody.
const REWRITTEN_UP_TO: i64 = 64 << 20;
/// How often to look whether others still see what was deleted.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long they may: an open transaction is ended after ten seconds.
const LOOKS: u32 = 150;

/// Rewrites the files of the one cluster that this process runs.
#[derive(Debug, Clone)]
pub struct Shredder {
    pub(super) admin_url: String,
}

impl Shredder {
    /// Removes what was deleted before from tables, statistics and the write-ahead log.
    pub async fn shred(&self) -> Result<(), StoreError> {
        let mut admin = PgConnection::connect(&self.admin_url).await?;
        wait_until_unseen(&mut admin).await?;
        let tables = query_scalar!(
            r#"select format('%s%I', case when pg_total_relation_size(oid) <= $1 then '(full, analyze) ' else '(analyze) ' end
                   || 'chancery.', relname) as "table!"
               from pg_class where relkind = 'r' and relnamespace = 'chancery'::regnamespace order by relname"#,
            REWRITTEN_UP_TO
        )
        .fetch_all(&mut admin)
        .await?;
        for table in tables {
            raw_sql(AssertSqlSafe(format!("vacuum {table}"))).execute(&mut admin).await?;
        }
        for statement in ["vacuum full pg_catalog.pg_statistic", "select pg_switch_wal()", "checkpoint"] {
            raw_sql(statement).execute(&mut admin).await?;
        }
        admin.close().await?;
        Ok(())
    }
}

/// VACUUM keeps what an open transaction may still look at.
async fn wait_until_unseen(admin: &mut PgConnection) -> Result<(), StoreError> {
    let deleted_before =
        query_scalar!(r#"select pg_current_xact_id()::xid::text as "xid!""#).fetch_one(&mut *admin).await?;
    for _ in 0..LOOKS {
        let seen = query_scalar!(
            r#"select exists (
                   select from pg_stat_activity
                   where pid <> pg_backend_pid()
                     and greatest(age(backend_xmin), age(backend_xid)) >= age($1::text::xid)
               ) as "seen!""#,
            deleted_before
        )
        .fetch_one(&mut *admin)
        .await?;
        if !seen {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
    Err(StoreError::unavailable("an open transaction keeps what was deleted"))
}
