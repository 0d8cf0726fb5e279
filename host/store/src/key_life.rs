//! From one signing key to the next: what was published ahead becomes active, what signed before is published
//! until the last credential that it signed has expired.

use sqlx::{query, query_scalar};
use time::{Duration, OffsetDateTime};

use crate::convert::{signed, unsigned};
use crate::{Chore, StoreError, TenantTx};

/// How many credentials one statement revokes.
const REVOKED_AT_ONCE: i64 = 5_000;

/// What [`TenantTx::turn_keys`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeysTurned {
    /// Whether a key that was published ahead became active.
    pub activated: bool,
    /// How many keys left the published documents.
    pub retired: u64,
}

impl TenantTx {
    /// Makes the named version of a use active and every other active one retiring. What those signed, and
    /// whatever else is good until `at_least`, stays verifiable. A compromised key never comes back.
    pub async fn supersede_signing_keys(
        &mut self,
        key_use: &str,
        version: u32,
        now: OffsetDateTime,
        at_least: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let done = query!(
            "update signing_keys k set
                 state = case when version = $2 then 'active' else 'retiring' end,
                 not_before = case when version = $2 then $3 else not_before end,
                 retire_at = case when version <> $2 then greatest($4, (
                     select max(expires_hour) from issuances i
                     where i.key_version = k.version and i.key_use = k.key_use
                 )) end
             where key_use = $1
               and ((version = $2 and state <> 'active' and not compromised) or (version <> $2 and state = 'active'))",
            key_use,
            signed(version, "signing_keys", "version")?,
            now,
            at_least,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        self.destroy_spent_imports().await?;
        self.turn_keys_in_time(now).await
    }

    /// Does what time asks for: makes the next key active, and withdraws keys that nothing needs any more.
    pub async fn turn_keys(
        &mut self,
        now: OffsetDateTime,
        at_least: OffsetDateTime,
    ) -> Result<KeysTurned, StoreError> {
        let next = query!(
            "select key_use, version from signing_keys
             where state = 'next' and not_before <= $1 order by version desc limit 1 for update",
            now
        )
        .fetch_optional(self.session.statement())
        .await;
        let next = self.session.settle(next)?;
        if let Some(next) = &next {
            let version = unsigned(next.version, "signing_keys", "version")?;
            self.supersede_signing_keys(&next.key_use, version, now, at_least).await?;
        }
        // An issuance that was under way when the key was superseded may expire after what was known then.
        let retired = query!(
            "update signing_keys k set
                 state = case when last.expires > $1 then 'retiring' else 'retired' end,
                 retire_at = greatest(k.retire_at, last.expires)
             from (
                 select s.key_use, s.algorithm, s.version, (
                     select max(expires_hour) from issuances i
                     where i.key_version = s.version and i.key_use = s.key_use
                 ) as expires
                 from signing_keys s where s.state = 'retiring' and s.retire_at <= $1
             ) last
             where (k.key_use, k.algorithm, k.version) = (last.key_use, last.algorithm, last.version)
               and k.state = 'retiring'
             returning k.state",
            now
        )
        .fetch_all(self.session.statement())
        .await;
        let retired = self.session.settle(retired)?;
        let retired = retired.iter().filter(|key| key.state == "retired").count();
        let turned =
            KeysTurned { activated: next.is_some(), retired: u64::try_from(retired).unwrap_or(u64::MAX) };
        if turned != KeysTurned::default() {
            self.announce_change().await?;
        }
        self.turn_keys_in_time(now).await?;
        Ok(turned)
    }

    /// Comes back when the next key becomes active, when one may retire, and for late intents of a withdrawn one.
    async fn turn_keys_in_time(&mut self, now: OffsetDateTime) -> Result<(), StoreError> {
        let at = query_scalar!(
            r#"select min(at) as "at?" from (
                 select case state when 'next' then not_before else retire_at end as at
                 from signing_keys where state in ('next', 'retiring')
                 union all
                 select $1::timestamptz + interval '1 minute' from signing_keys
                 where state = 'retired' and compromised and retire_at > $1 - interval '1 minute'
             ) keys"#,
            now,
        )
        .fetch_one(self.session.statement())
        .await;
        let at = self.session.settle(at)?;
        self.due_again(Chore::TurnKeys, at).await
    }

    /// Publishes a key ahead of its use; [`turn_keys`](Self::turn_keys) makes it active. `false` if it exists.
    pub async fn publish_next_key(
        &mut self,
        key: &crate::StoredKey,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let added = self.add_signing_key(key).await?;
        self.turn_keys_in_time(now).await?;
        Ok(added)
    }

    /// Takes back keys that were published ahead and have not signed yet.
    pub async fn withdraw_next_keys(&mut self, now: OffsetDateTime) -> Result<(), StoreError> {
        let done =
            query!("update signing_keys set state = 'retired', retire_at = $1 where state = 'next'", now)
                .execute(self.session.statement())
                .await;
        self.session.settle(done)?;
        self.destroy_spent_imports().await
    }

    /// Notes that somebody else may sign with the key.
    pub async fn mark_compromised(&mut self, key_use: &str, version: u32) -> Result<(), StoreError> {
        let done = query!(
            "update signing_keys set compromised = true where key_use = $1 and version = $2",
            key_use,
            signed(version, "signing_keys", "version")?
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// How many credentials the key signed that neither expired nor were revoked.
    pub async fn outstanding(
        &mut self,
        key_use: &str,
        version: u32,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let count = query_scalar!(
            r#"select count(*) as "count!" from issuances i join credentials c on c.issuance_id = i.id
               where i.key_version = $2 and i.key_use = $1 and i.expires_hour > $3 and c.status <> 'revoked'"#,
            key_use,
            signed(version, "signing_keys", "version")?,
            now
        )
        .fetch_one(self.session.statement())
        .await;
        Ok(self.session.settle(count)?.unsigned_abs())
    }

    /// Revokes some of what the key signed; how many, zero when nothing is left.
    pub async fn revoke_outstanding(
        &mut self,
        key_use: &str,
        version: u32,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let revoked = query_scalar!(
            r#"with signed as (
                 select c.id from issuances i join credentials c on c.issuance_id = i.id
                 where i.key_version = $2 and i.key_use = $1 and i.expires_hour > $3 and c.status <> 'revoked'
                 limit $4
             ), revoked as (
                 update credentials set status = 'revoked' where id = any(array(select id from signed))
                 returning list
             ), lists as (
                 update status_lists set version = version + 1
                 where list = any(array(select distinct list from revoked))
             )
             select count(*) as "count!" from revoked"#,
            key_use,
            signed(version, "signing_keys", "version")?,
            now,
            REVOKED_AT_ONCE,
        )
        .fetch_one(self.session.statement())
        .await;
        Ok(self.session.settle(revoked)?.unsigned_abs())
    }

    /// Takes a compromised key out of the published documents, before its time.
    pub async fn withdraw_signing_key(
        &mut self,
        key_use: &str,
        version: u32,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let done = query!(
            "update signing_keys set state = 'retired', retire_at = $3
             where key_use = $1 and version = $2 and state = 'retiring' and compromised",
            key_use,
            signed(version, "signing_keys", "version")?,
            now
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        self.turn_keys_in_time(now).await
    }

    /// Keys that were withdrawn so recently that something they signed may have been recorded since.
    pub async fn just_withdrawn(&mut self, now: OffsetDateTime) -> Result<Vec<(String, u32)>, StoreError> {
        let since = now - Duration::minutes(5);
        let rows = query!(
            "select key_use, version from signing_keys
             where state = 'retired' and compromised and retire_at > $1",
            since
        )
        .fetch_all(self.session.statement())
        .await;
        let rows = self.session.settle(rows)?.into_iter();
        rows.map(|row| Ok((row.key_use, unsigned(row.version, "signing_keys", "version")?))).collect()
    }
}
