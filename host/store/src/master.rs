//! Rotating the master key: which master seals, which will, and the roots of those that are gone.
//!
//! Whoever seals something new does so in a transaction that [insists](TenantTx::insist_on_master) on the
//! master that is in force. A rotation begins by taking the place of that master, behind a lock that waits for
//! all of those transactions; so a single pass over the tenants finds everything that the old one sealed.

use chancery_domain::TenantId;
use sqlx::{query, query_scalar};

use crate::session::Session;
use crate::{Directory, PlatformTx, StoreError, TenantTx};

/// Held, shared, by transactions that seal, and by those that change what seals; "sealing" in ASCII.
const LOCK: i64 = 0x0073_6561_6c69_6e67;

/// The root of a master that is gone, by the master's check value; sealed.
pub type SupersededRoot = ([u8; 16], Vec<u8>);

impl Directory {
    /// The check value of the master that seals what is new; none before the deployment was founded.
    pub async fn sealing_master(&self) -> Result<Option<[u8; 16]>, StoreError> {
        let mut session = Session::for_platform(&self.pool).await?;
        let master =
            query_scalar!(r#"select coalesce(next_key_check, key_check) as "master!" from deployment"#)
                .fetch_optional(session.statement())
                .await;
        let master = session.settle(master)?;
        session.commit().await?;
        master.map(check_value).transpose()
    }
}

impl TenantTx {
    /// Makes sure that the named master still is the one that seals, until this transaction is over.
    pub async fn insist_on_master(&mut self, master: [u8; 16]) -> Result<(), StoreError> {
        insist_on_master(&mut self.session, master).await
    }

    /// Ends every offer that is under way and forgets stored answers: what they are sealed under is gone.
    pub async fn end_what_is_under_way(&mut self) -> Result<(), StoreError> {
        let ended = query!(
            "update offers set state = 'expired' where state in ('created', 'fetched', 'redeemed')
                or (state = 'issued' and items_left > 0)"
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(ended)?;
        for erased in [
            query!("delete from offer_subjects").execute(self.session.statement()).await,
            query!("delete from idempotent_answers").execute(self.session.statement()).await,
        ] {
            self.session.settle(erased)?;
        }
        Ok(())
    }

    /// Lets no status list that exists have another entry: the order in which its indices are handed out is
    /// known to nobody any more.
    pub async fn close_status_lists(&mut self) -> Result<(), StoreError> {
        let done = query!("update status_lists set next = size where next < size")
            .execute(self.session.statement())
            .await;
        self.session.settle(done).map(drop)
    }
}

impl PlatformTx {
    /// Makes sure that the named master still is the one that seals, until this transaction is over.
    pub async fn insist_on_master(&mut self, master: [u8; 16]) -> Result<(), StoreError> {
        insist_on_master(&mut self.session, master).await
    }

    /// From now on the next master seals what is new. `false` if a rotation to yet another is under way.
    pub async fn begin_master_rotation(
        &mut self,
        next: [u8; 16],
        moves_keys: bool,
        roots: &[SupersededRoot],
    ) -> Result<bool, StoreError> {
        self.lock_sealing().await?;
        let done = query!(
            "update deployment set next_key_check = $1, next_moves_keys = next_moves_keys or $2
             where next_key_check is null or next_key_check = $1",
            next.as_slice(),
            moves_keys,
        )
        .execute(self.session.statement())
        .await;
        let begun = self.session.settle(done)?.rows_affected() == 1;
        for (master, sealed) in roots.iter().filter(|_| begun) {
            let done = query!(
                "insert into superseded_roots (key_check, sealed) values ($1, $2)
                 on conflict (key_check) do update set sealed = excluded.sealed",
                master.as_slice(),
                sealed
            )
            .execute(self.session.statement())
            .await;
            self.session.settle(done)?;
        }
        Ok(begun)
    }

    /// The next master takes the place of the one before, which can be destroyed.
    pub async fn finish_master_rotation(&mut self, next: [u8; 16]) -> Result<(), StoreError> {
        self.lock_sealing().await?;
        let done = query!(
            "update deployment set key_check = $1, next_key_check = null, next_moves_keys = false
             where next_key_check = $1",
            next.as_slice()
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// The roots of the masters that are gone.
    pub async fn superseded_roots(&mut self) -> Result<Vec<SupersededRoot>, StoreError> {
        let rows = query!("select key_check, sealed from superseded_roots")
            .fetch_all(self.session.statement())
            .await;
        let rows = self.session.settle(rows)?.into_iter();
        rows.map(|row| Ok((check_value(row.key_check)?, row.sealed))).collect()
    }

    /// Every tenant that may have secrets, in order, a part at a time: for this one job.
    pub async fn every_tenant(
        &mut self,
        after: Option<TenantId>,
        most: u32,
    ) -> Result<Vec<TenantId>, StoreError> {
        let ids = query_scalar!(
            "select id from tenants where ($1::uuid is null or id > $1) order by id limit $2",
            after.map(TenantId::uuid),
            i64::from(most)
        )
        .fetch_all(self.session.statement())
        .await;
        Ok(self.session.settle(ids)?.into_iter().map(TenantId::from_uuid).collect())
    }

    async fn lock_sealing(&mut self) -> Result<(), StoreError> {
        let locked = query!("select pg_advisory_xact_lock($1)", LOCK).execute(self.session.statement()).await;
        self.session.settle(locked).map(drop)
    }
}

async fn insist_on_master(session: &mut Session, master: [u8; 16]) -> Result<(), StoreError> {
    let locked = query!("select pg_advisory_xact_lock_shared($1)", LOCK).execute(session.statement()).await;
    session.settle(locked)?;
    let other = query_scalar!(
        r#"select exists (select from deployment where coalesce(next_key_check, key_check) <> $1) as "other!""#,
        master.as_slice()
    )
    .fetch_one(session.statement())
    .await;
    if session.settle(other)? {
        return Err(StoreError::unavailable("the master key is being rotated"));
    }
    Ok(())
}

fn check_value(bytes: Vec<u8>) -> Result<[u8; 16], StoreError> {
    bytes.try_into().map_err(|_| StoreError::corrupt("deployment", "key_check"))
}
