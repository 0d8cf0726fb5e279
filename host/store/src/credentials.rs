//! What was signed, and how its status changes.

use chancery_domain::credential::RevokedForEver;
use chancery_domain::template::Revision;
use chancery_domain::{CredentialId, CredentialStatus, IssuanceId, OfferId, StatusChange, StatusEntry};
use sqlx::{query, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Page;
use crate::convert::{digest, list_number, unsigned};
use crate::{StoreError, TenantTx};

/// A signed copy, as far as it is remembered: no claim, no signature, no holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Names the copy.
    pub id: CredentialId,
    /// The decision to sign that it came from.
    pub issuance: IssuanceId,
    /// The offer that it came from.
    pub offer: OfferId,
    /// What kind it is.
    pub configuration_id: String,
    /// What made its dataset.
    pub revision: Revision,
    /// Where its status is published.
    pub status_entry: StatusEntry,
    /// Its status.
    pub status: CredentialStatus,
    /// Whether the signature is known to have been handed out.
    pub handed_out: bool,
    /// The hour in which it was signed.
    pub issued_hour: OffsetDateTime,
    /// An hour by which it has expired.
    pub expired_by: OffsetDateTime,
}

/// Which credentials to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CredentialFilter {
    /// Those of one offer.
    pub offer: Option<OfferId>,
}

/// The outcome of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusChanged {
    /// The status before.
    pub before: CredentialStatus,
    /// The status now.
    pub status: CredentialStatus,
    /// Where it is published.
    pub entry: StatusEntry,
}

struct Row {
    id: Uuid,
    issuance_id: Uuid,
    offer_id: Uuid,
    configuration_id: String,
    component: Vec<u8>,
    configuration_hash: Vec<u8>,
    list: i64,
    idx: i32,
    status: String,
    state: String,
    hour: OffsetDateTime,
    expires_hour: OffsetDateTime,
}

impl Row {
    fn credential(self) -> Result<Credential, StoreError> {
        Ok(Credential {
            id: CredentialId::from_uuid(self.id),
            issuance: IssuanceId::from_uuid(self.issuance_id),
            offer: OfferId::from_uuid(self.offer_id),
            configuration_id: self.configuration_id,
            revision: Revision {
                component: digest(&self.component, "issuances", "component")?,
                configuration: digest(&self.configuration_hash, "issuances", "configuration_hash")?,
            },
            status_entry: status_entry(self.list, self.idx)?,
            status: status(&self.status)?,
            handed_out: self.state == "issued",
            issued_hour: self.hour,
            expired_by: self.expires_hour,
        })
    }
}

impl TenantTx {
    /// The copy of that id.
    pub async fn credential(&mut self, id: CredentialId) -> Result<Option<Credential>, StoreError> {
        let row = query_as!(
            Row,
            "select c.id, c.issuance_id, i.offer_id, i.configuration_id, i.component,
                 i.configuration_hash, c.list, c.idx, c.status, i.state, i.hour, i.expires_hour
             from credentials c
             join issuances i on i.id = (select issuance_id from credentials where id = $1)
             where c.id = $1",
            id.uuid(),
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::credential).transpose()
    }

    /// A page of credentials, and where the next one begins.
    pub async fn credentials(
        &mut self,
        filter: &CredentialFilter,
        page: &Page<CredentialId>,
    ) -> Result<(Vec<Credential>, Option<CredentialId>), StoreError> {
        let older_than = page.older_than(CredentialId::uuid);
        // Two statements, each with a plan of its own: by offer there are few, in all there are many.
        let rows = match filter.offer {
            Some(offer) => {
                query_as!(
                    Row,
                    "select c.id, c.issuance_id, i.offer_id, i.configuration_id, i.component,
                         i.configuration_hash, c.list, c.idx, c.status, i.state, i.hour, i.expires_hour
                     from issuances i join credentials c on c.issuance_id = i.id
                     where i.offer_id = $1 and c.id < $2
                       and c.issuance_id = any(array(select id from issuances where offer_id = $1))
                     order by c.id desc limit $3",
                    offer.uuid(),
                    older_than,
                    page.rows_to_read(),
                )
                .fetch_all(self.session.statement())
                .await
            }
            None => {
                query_as!(
                    Row,
                    "with page as materialized (
                         select * from credentials where id < $1 order by id desc limit $2
                     )
                     select c.id, c.issuance_id, i.offer_id, i.configuration_id, i.component,
                         i.configuration_hash, c.list, c.idx, c.status, i.state, i.hour, i.expires_hour
                     from page c join issuances i on i.id = c.issuance_id
                     where i.id = any(array(select issuance_id from page))
                     order by c.id desc",
                    older_than,
                    page.rows_to_read(),
                )
                .fetch_all(self.session.statement())
                .await
            }
        };
        let rows = self.session.settle(rows)?.into_iter();
        let credentials = rows.map(Row::credential).collect::<Result<Vec<_>, _>>()?;
        Ok(page.split(credentials, |credential| credential.id))
    }

    /// Changes the status of a copy; the version of its list goes up if that makes a difference.
    /// `None` if there is no such copy.
    pub async fn change_status(
        &mut self,
        id: CredentialId,
        change: StatusChange,
    ) -> Result<Option<Result<StatusChanged, RevokedForEver>>, StoreError> {
        let row = query!("select list, idx, status from credentials where id = $1 for update", id.uuid())
            .fetch_optional(self.session.statement())
            .await;
        let Some(row) = self.session.settle(row)? else { return Ok(None) };
        let entry = status_entry(row.list, row.idx)?;
        let before = status(&row.status)?;
        let after = match before.after(change) {
            Ok(after) => after,
            Err(revoked) => return Ok(Some(Err(revoked))),
        };
        if before != after {
            let done = query!(
                "with changed as (update credentials set status = $2 where id = $1 returning list)
                 update status_lists set version = version + 1 where list = (select list from changed)",
                id.uuid(),
                after.as_str(),
            )
            .execute(self.session.statement())
            .await;
            self.session.settle(done)?;
        }
        Ok(Some(Ok(StatusChanged { before, status: after, entry })))
    }
}

fn status_entry(list: i64, index: i32) -> Result<StatusEntry, StoreError> {
    Ok(StatusEntry { list: list_number(list, "credentials")?, index: unsigned(index, "credentials", "idx")? })
}

fn status(word: &str) -> Result<CredentialStatus, StoreError> {
    CredentialStatus::parse(word).ok_or_else(|| StoreError::corrupt("credentials", "status"))
}
