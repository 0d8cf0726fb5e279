//! How the two trails are kept: in tables of their own, of the same shape.

use chancery_domain::audit::Action;
use chancery_domain::{AuditEntry, AuditEntryId, RequestId};
use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{AuditFilter, AuditTrail, Link, Seal};
use crate::convert::{digest, signed, unsigned};
use crate::{Page, PlatformTx, StoreError, TenantTx};

struct Row {
    id: Uuid,
    at: OffsetDateTime,
    actor: String,
    actor_id: Option<Uuid>,
    action: String,
    target: String,
    before: Option<String>,
    after: Option<String>,
    request_id: Option<Uuid>,
}

impl Row {
    fn entry(self) -> AuditEntry {
        AuditEntry {
            id: AuditEntryId::from_uuid(self.id),
            at: self.at,
            actor: self.actor,
            actor_id: self.actor_id,
            action: self.action,
            target: self.target,
            before: self.before,
            after: self.after,
            request: self.request_id.map(RequestId::from_uuid),
        }
    }
}

struct SealRow {
    number: i32,
    sealed_at: OffsetDateTime,
    hash: Vec<u8>,
    mac: Vec<u8>,
}

impl SealRow {
    fn seal(self) -> Result<Seal, StoreError> {
        Ok(Seal {
            number: unsigned(self.number, "audit_seals", "number")?,
            sealed_at: self.sealed_at,
            hash: digest(&self.hash, "audit_seals", "hash")?,
            mac: digest(&self.mac, "audit_seals", "mac")?,
        })
    }
}

/// The two trails have tables of their own, of the same shape; row-level security tells tenants apart.
macro_rules! trail {
    ($tx:ident: $entries:tt, $waiting:tt, $seals:tt) => {
        impl AuditTrail for $tx {
            async fn audit_entries(
                &mut self,
                filter: &AuditFilter,
                page: &Page<AuditEntryId>,
            ) -> Result<(Vec<AuditEntry>, Option<AuditEntryId>), StoreError> {
                let (older_than, most) = (page.older_than(AuditEntryId::uuid), page.rows_to_read());
                let action = filter.action.map(Action::as_str);
                // Each with a plan and an index of its own.
                let rows = match (&filter.target, action) {
                    (Some(target), action) => {
                        query_as!(
                            Row,
                            "select id, at, actor, actor_id, action, target, before::text, after::text, request_id
                             from " + $entries + "
                             where target = $1 and ($2::text is null or action = $2) and id < $3
                             order by id desc limit $4",
                            target,
                            action,
                            older_than,
                            most
                        )
                        .fetch_all(self.session.statement())
                        .await
                    }
                    (None, Some(action)) => {
                        query_as!(
                            Row,
                            "select id, at, actor, actor_id, action, target, before::text, after::text, request_id
                             from " + $entries + " where action = $1 and id < $2 order by id desc limit $3",
                            action,
                            older_than,
                            most
                        )
                        .fetch_all(self.session.statement())
                        .await
                    }
                    (None, None) => {
                        query_as!(
                            Row,
                            "select id, at, actor, actor_id, action, target, before::text, after::text, request_id
                             from " + $entries + " where id < $1 order by id desc limit $2",
                            older_than,
                            most
                        )
                        .fetch_all(self.session.statement())
                        .await
                    }
                };
                let entries = self.session.settle(rows)?.into_iter().map(Row::entry).collect();
                Ok(page.split(entries, |entry| entry.id))
            }

            async fn audit_entries_of(&mut self, ids: &[AuditEntryId]) -> Result<Vec<AuditEntry>, StoreError> {
                let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
                let rows = query_as!(
                    Row,
                    "select id, at, actor, actor_id, action, target, before::text, after::text, request_id
                     from " + $entries + " where id = any($1)",
                    &ids
                )
                .fetch_all(self.session.statement())
                .await;
                Ok(self.session.settle(rows)?.into_iter().map(Row::entry).collect())
            }

            async fn unsealed_entries(&mut self, most: u32) -> Result<Vec<AuditEntry>, StoreError> {
                let rows = query_as!(
                    Row,
                    "select id, at, actor, actor_id, action, target, before::text, after::text, request_id
                     from " + $entries + "
                     where id = any(array(
                         select entry_id from " + $waiting + " order by entry_id limit $1))
                     order by id",
                    i64::from(most)
                )
                .fetch_all(self.session.statement())
                .await;
                Ok(self.session.settle(rows)?.into_iter().map(Row::entry).collect())
            }

            async fn count_unsealed(&mut self) -> Result<u64, StoreError> {
                let count = query_scalar!(r#"select count(*) as "count!" from "# + $waiting)
                    .fetch_one(self.session.statement())
                    .await;
                Ok(self.session.settle(count)?.unsigned_abs())
            }

            async fn last_seal(&mut self) -> Result<Option<Seal>, StoreError> {
                let row = query_as!(
                    SealRow,
                    "select number, sealed_at, hash, mac from " + $seals + " order by number desc limit 1"
                )
                .fetch_optional(self.session.statement())
                .await;
                self.session.settle(row)?.map(SealRow::seal).transpose()
            }

            async fn seal_entries(&mut self, seal: &Seal, links: &[Link]) -> Result<bool, StoreError> {
                let ids: Vec<Uuid> = links.iter().map(|link| link.entry.uuid()).collect();
                let digests: Vec<Vec<u8>> = links.iter().map(|link| link.digest.to_vec()).collect();
                let placed = query_scalar!(
                    "with seal as (
                         insert into " + $seals + " (number, sealed_at, hash, mac, entries, digests)
                         values ($1, $2, $3, $4, $5, $6)
                         on conflict do nothing returning number
                     ), placed as (
                         delete from " + $waiting + r#" using seal where entry_id = any($5) returning entry_id
                     )
                     select count(*) as "count!" from placed"#,
                    signed(seal.number, "audit_seals", "number")?,
                    seal.sealed_at,
                    seal.hash.as_slice(),
                    seal.mac.as_slice(),
                    &ids,
                    &digests
                )
                .fetch_one(self.session.statement())
                .await;
                Ok(usize::try_from(self.session.settle(placed)?) == Ok(links.len()))
            }

            async fn seals_after(&mut self, number: u32, most: u32) -> Result<Vec<Seal>, StoreError> {
                let rows = query_as!(
                    SealRow,
                    "select number, sealed_at, hash, mac from " + $seals + "
                     where number > $1 order by number limit $2",
                    signed(number, "audit_seals", "number")?,
                    i64::from(most)
                )
                .fetch_all(self.session.statement())
                .await;
                self.session.settle(rows)?.into_iter().map(SealRow::seal).collect()
            }

            async fn seal(&mut self, number: u32) -> Result<Option<Seal>, StoreError> {
                // A number that no seal has is no corruption: it comes out of a URL.
                let Ok(number) = i32::try_from(number) else { return Ok(None) };
                let row = query_as!(
                    SealRow,
                    "select number, sealed_at, hash, mac from " + $seals + " where number = $1",
                    number
                )
                .fetch_optional(self.session.statement())
                .await;
                self.session.settle(row)?.map(SealRow::seal).transpose()
            }

            async fn has_seal(&mut self, hash: &[u8; 32]) -> Result<bool, StoreError> {
                let found = query_scalar!(
                    "select exists (select from " + $seals + r#" where hash = $1) as "found!""#,
                    hash.as_slice()
                )
                .fetch_one(self.session.statement())
                .await;
                self.session.settle(found)
            }

            async fn links(&mut self, seal: u32) -> Result<Vec<Link>, StoreError> {
                let row = query!(
                    "select entries, digests from " + $seals + " where number = $1",
                    signed(seal, "audit_seals", "number")?
                )
                .fetch_optional(self.session.statement())
                .await;
                let Some(row) = self.session.settle(row)? else { return Ok(Vec::new()) };
                let links = row.entries.into_iter().zip(&row.digests);
                links
                    .map(|(entry, bytes)| {
                        let digest = digest(bytes, "audit_seals", "digests")?;
                        Ok(Link { entry: AuditEntryId::from_uuid(entry), digest })
                    })
                    .collect()
            }

            async fn entries_between(
                &mut self,
                after: AuditEntryId,
                up_to: AuditEntryId,
                most: u32,
            ) -> Result<Vec<AuditEntryId>, StoreError> {
                let ids = query_scalar!(
                    "select id from " + $entries + "
                     where id > $1 and id <= $2
                       and not exists (select from " + $waiting + " where entry_id = id)
                     order by id limit $3",
                    after.uuid(),
                    up_to.uuid(),
                    i64::from(most)
                )
                .fetch_all(self.session.statement())
                .await;
                Ok(self.session.settle(ids)?.into_iter().map(AuditEntryId::from_uuid).collect())
            }

            async fn sealed_nowhere(
                &mut self,
                ids: &[AuditEntryId],
            ) -> Result<Vec<AuditEntryId>, StoreError> {
                let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
                let ids = query_scalar!(
                    r#"select id as "id!" from unnest($1::uuid[]) id
                       where not exists (select from "# + $seals + " where id = any(entries)) order by id",
                    &ids
                )
                .fetch_all(self.session.statement())
                .await;
                Ok(self.session.settle(ids)?.into_iter().map(AuditEntryId::from_uuid).collect())
            }

            async fn lost_entries(&mut self) -> Result<Vec<AuditEntryId>, StoreError> {
                let ids = query_scalar!(
                    "select entry_id from " + $waiting + "
                     where not exists (select from " + $entries + " where id = entry_id)
                     order by entry_id limit 100"
                )
                .fetch_all(self.session.statement())
                .await;
                Ok(self.session.settle(ids)?.into_iter().map(AuditEntryId::from_uuid).collect())
            }
        }
    };
}

trail!(TenantTx: "audit_entries", "audit_waiting", "audit_seals");
trail!(PlatformTx: "platform_audit_entries", "platform_audit_waiting", "platform_audit_seals");
