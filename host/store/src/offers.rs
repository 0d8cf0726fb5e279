//! Offers: made, fetched, listed, withdrawn, and read for issuance.
//!
//! Every table is asked by its whole key, which is a parameter or a subquery's one answer, and never only
//! by a join: while tables are small, or unknown to the planner, a join may read all rows of the
//! tenant, and the plan stays when they have grown.

use chancery_domain::template::Revision;
use chancery_domain::{ApiKeyId, AuditEntry, ClientId, IssuanceId, OfferId, OfferState, RequestId};
use serde_json::Value;
use sqlx::{query, query_as, query_scalar};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::convert::{digest, signed};
use crate::{Principal, StoreError, TenantTx};

/// How long after its own time an offer that was redeemed in time may still be issued. No access
/// token needs to live longer.
pub const ISSUE_WITHIN: Duration = Duration::minutes(15);

/// An offer that does not exist yet.
#[derive(Debug, Clone)]
pub struct NewOffer {
    /// Names the offer to the issuer.
    pub id: OfferId,
    /// Hash of the secret in the offer's URL.
    pub handle_hash: [u8; 32],
    /// Hash of the pre-authorized code.
    pub code_hash: [u8; 32],
    /// What it offers; at least one, each configuration id once.
    pub items: Vec<PinnedItem>,
    /// The transaction code that the wallet must present with the code.
    pub tx_code: Option<NewTxCode>,
    /// The subject's data, sealed under a key that needs the offer's own secret.
    pub sealed_subject: Vec<u8>,
    /// Now.
    pub created_at: OffsetDateTime,
    /// Until when the code may be exchanged.
    pub expires_at: OffsetDateTime,
    /// Whoever makes it, checked once more; none if it is the host itself.
    pub made_by: Option<Principal>,
    /// What the audit trail says of it.
    pub audit: AuditEntry,
}

/// A credential configuration, pinned to the revision that was active when the offer was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedItem {
    /// The credential configuration id.
    pub configuration_id: String,
    /// Component and configuration.
    pub revision: Revision,
}

/// A transaction code, as far as it is stored.
#[derive(Debug, Clone)]
pub struct NewTxCode {
    /// Under one of the tenant's own keys; so a guess cannot be tried against a stolen database.
    pub mac: [u8; 32],
    /// What the wallet is told of it (`input_mode`, `length`, `description`).
    pub description: Value,
}

/// An offer.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Names the offer to the issuer.
    pub id: OfferId,
    /// How far it has come.
    pub state: OfferState,
    /// What it offers, by configuration id.
    pub items: Vec<OfferItem>,
    /// What the wallet is told of the transaction code, if there is one.
    pub tx_code: Option<Value>,
    /// How often the transaction code was tried.
    pub tx_code_attempts: i16,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Until when the code may be exchanged.
    pub expires_at: OffsetDateTime,
}

/// One credential that an offer offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferItem {
    /// The credential configuration id.
    pub configuration_id: String,
    /// Component and configuration, as pinned.
    pub revision: Revision,
    /// The issuance that used the item up.
    pub issuance: Option<IssuanceId>,
}

/// What an issuance needs of its offer.
#[derive(Clone)]
pub struct IssuableOffer {
    /// What it offers, used up or not.
    pub items: Vec<OfferItem>,
    /// The subject's data, as it was given to [`create_offer`](TenantTx::create_offer).
    pub sealed_subject: Vec<u8>,
}

impl std::fmt::Debug for IssuableOffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuableOffer").field("items", &self.items).finish_non_exhaustive()
    }
}

/// What became of an attempt to withdraw an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// The state it was in.
    pub before: OfferState,
    /// The state it is in.
    pub now: OfferState,
}

/// Where a listing goes on: at most `limit` rows, the newest first, all older than `before`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<Id> {
    /// The last id of the page before.
    pub before: Option<Id>,
    /// How many rows.
    pub limit: u16,
}

/// One item with its offer; an offer has as many rows as items, one after the other.
struct Row {
    id: Uuid,
    state: String,
    tx_code_description: Option<Value>,
    tx_code_attempts: i16,
    created_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    configuration_id: String,
    component: Vec<u8>,
    configuration_hash: Vec<u8>,
    issuance_id: Option<Uuid>,
}

pub(crate) fn item(
    configuration_id: String,
    component: &[u8],
    configuration_hash: &[u8],
    issuance: Option<Uuid>,
) -> Result<OfferItem, StoreError> {
    Ok(OfferItem {
        configuration_id,
        revision: Revision {
            component: digest(component, "offer_items", "component")?,
            configuration: digest(configuration_hash, "offer_items", "configuration_hash")?,
        },
        issuance: issuance.map(IssuanceId::from_uuid),
    })
}

/// Folds the rows of an offer into one.
fn offers_of(rows: Vec<Row>) -> Result<Vec<Offer>, StoreError> {
    let mut offers: Vec<Offer> = Vec::new();
    for row in rows {
        let id = OfferId::from_uuid(row.id);
        let item = item(row.configuration_id, &row.component, &row.configuration_hash, row.issuance_id)?;
        match offers.last_mut() {
            Some(offer) if offer.id == id => offer.items.push(item),
            _ => offers.push(Offer {
                id,
                state: OfferState::parse(&row.state).ok_or_else(|| StoreError::corrupt("offers", "state"))?,
                items: vec![item],
                tx_code: row.tx_code_description,
                tx_code_attempts: row.tx_code_attempts,
                created_at: row.created_at,
                expires_at: row.expires_at,
            }),
        }
    }
    Ok(offers)
}

impl TenantTx {
    /// Makes an offer. One statement. `false` if the key or token that it is made by opens nothing any more; then
    /// nothing was made, however recently the caller looked the key up.
    pub async fn create_offer(&mut self, offer: &NewOffer) -> Result<bool, StoreError> {
        let (mut ids, mut components, mut configurations) = (Vec::new(), Vec::new(), Vec::new());
        for item in &offer.items {
            ids.push(item.configuration_id.clone());
            components.push(item.revision.component.to_vec());
            configurations.push(item.revision.configuration.to_vec());
        }
        let items_left = i16::try_from(offer.items.len()).unwrap_or(i16::MAX);
        let (key, client, epoch) = match offer.made_by {
            None => (None, None, None),
            Some(Principal::ApiKey(key)) => (Some(key), None, None),
            Some(Principal::Client { id, token_epoch }) => {
                (None, Some(id), Some(signed(token_epoch, "tenants", "token_epoch")?))
            }
        };
        let may = query_scalar!(
            r#"with maker as (
                 select where ($14::uuid is null and $15::uuid is null)
                    or exists (select from api_keys where id = $14 and revoked_at is null)
                    or (exists (select from clients where id = $15)
                        and $16 = (select token_epoch from tenants
                                   where id = nullif(current_setting('chancery.tenant', true), '')::uuid))
             ), offer as (
                 insert into offers (
                     id, handle_hash, code_hash, state, items_left, tx_code_mac, tx_code_description,
                     restore_epoch, created_at, expires_at, issue_by
                 )
                 select $1::uuid, $2::bytea, $3::bytea, 'created', $4::smallint, $5::bytea, $6::text::json,
                     coalesce((select restore_epoch from deployment where one), 0),
                     $7::timestamptz, $8::timestamptz, $9::timestamptz
                 from maker
             ), items as (
                 insert into offer_items (offer_id, configuration_id, component, configuration_hash)
                 select $1, u.* from maker, unnest($10::text[], $11::bytea[], $12::bytea[]) u
             ), subject as (
                 insert into offer_subjects (offer_id, sealed, expires_at, erase_at)
                 select $1, $13::bytea, $8, $9 from maker
             ), audit as (
                 insert into audit_entries (id, at, actor, actor_id, action, target, after, request_id)
                 select $17::uuid, $18::timestamptz, $19::text, $20::uuid, $21::text, $22::text,
                     $23::text::json, $24::uuid
                 from maker
             ), waiting as (
                 insert into audit_chain (entry_id) select $17 from maker
             ), due as (
                 insert into due (kind, at)
                 select due.* from maker, (values ('sweep', $8), ('seal', $18)) due on conflict do nothing
             )
             select exists (select from maker) as "may!""#,
            offer.id.uuid(),
            offer.handle_hash.as_slice(),
            offer.code_hash.as_slice(),
            items_left,
            offer.tx_code.as_ref().map(|code| code.mac.as_slice()),
            offer.tx_code.as_ref().map(|code| code.description.to_string()),
            offer.created_at,
            offer.expires_at,
            offer.expires_at + ISSUE_WITHIN,
            &ids,
            &components,
            &configurations,
            offer.sealed_subject,
            key.map(ApiKeyId::uuid),
            client.map(ClientId::uuid),
            epoch,
            offer.audit.id.uuid(),
            offer.audit.at,
            offer.audit.actor,
            offer.audit.actor_id,
            offer.audit.action,
            offer.audit.target,
            offer.audit.after,
            offer.audit.request.map(RequestId::uuid),
        )
        .fetch_one(self.session.statement())
        .await;
        self.session.settle(may)
    }

    /// The offer that a wallet reads by reference. The first reading is noted; an offer whose time is over
    /// reads as expired. One statement.
    pub async fn offer_by_handle(
        &mut self,
        handle_hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<Offer>, StoreError> {
        let rows = query_as!(
            Row,
            r#"with fetched as (
                 update offers set state = 'fetched'
                 where handle_hash = $1 and state = 'created' and expires_at > $2
             )
             select o.id,
                 case when o.state not in ('created', 'fetched') then o.state
                      when o.expires_at <= $2 then 'expired'
                      else 'fetched' end as "state!",
                 o.tx_code_description, o.tx_code_attempts, o.created_at, o.expires_at,
                 i.configuration_id, i.component, i.configuration_hash, i.issuance_id
             from offers o join offer_items i on i.offer_id = (select id from offers where handle_hash = $1)
             where o.handle_hash = $1
             order by i.configuration_id"#,
            handle_hash.as_slice(),
            now,
        )
        .fetch_all(self.session.statement())
        .await;
        Ok(offers_of(self.session.settle(rows)?)?.pop())
    }

    /// The same offer for a person who looks at its page: nothing is noted.
    pub async fn look_at_offer(&mut self, handle_hash: &[u8; 32]) -> Result<Option<Offer>, StoreError> {
        let rows = query_as!(
            Row,
            "select o.id, o.state, o.tx_code_description, o.tx_code_attempts, o.created_at, o.expires_at,
                 i.configuration_id, i.component, i.configuration_hash, i.issuance_id
             from offers o join offer_items i on i.offer_id = (select id from offers where handle_hash = $1)
             where o.handle_hash = $1
             order by i.configuration_id",
            handle_hash.as_slice(),
        )
        .fetch_all(self.session.statement())
        .await;
        Ok(offers_of(self.session.settle(rows)?)?.pop())
    }

    /// The offer of that id, as the issuer sees it.
    pub async fn offer(&mut self, id: OfferId) -> Result<Option<Offer>, StoreError> {
        let rows = query_as!(
            Row,
            "select o.id, o.state, o.tx_code_description, o.tx_code_attempts, o.created_at, o.expires_at,
                 i.configuration_id, i.component, i.configuration_hash, i.issuance_id
             from offers o join offer_items i on i.offer_id = $1
             where o.id = $1
             order by i.configuration_id",
            id.uuid(),
        )
        .fetch_all(self.session.statement())
        .await;
        Ok(offers_of(self.session.settle(rows)?)?.pop())
    }

    /// A page of offers, and where the next one begins.
    pub async fn offers(
        &mut self,
        page: &Page<OfferId>,
    ) -> Result<(Vec<Offer>, Option<OfferId>), StoreError> {
        let rows = query_as!(
            Row,
            "with page as materialized (
                 select * from offers where id < $1 order by id desc limit $2
             )
             select o.id, o.state, o.tx_code_description, o.tx_code_attempts, o.created_at, o.expires_at,
                 i.configuration_id, i.component, i.configuration_hash, i.issuance_id
             from page o join offer_items i on i.offer_id = o.id
             where i.offer_id = any(array(select id from page))
             order by o.id desc, i.configuration_id",
            page.older_than(OfferId::uuid),
            page.rows_to_read(),
        )
        .fetch_all(self.session.statement())
        .await;
        let offers = offers_of(self.session.settle(rows)?)?;
        Ok(page.split(offers, |offer| offer.id))
    }

    /// Withdraws the offer and erases its subject: an offer that was issued in full, or is over for another
    /// reason, stays what it is.
    pub async fn cancel_offer(&mut self, id: OfferId) -> Result<Option<Cancelled>, StoreError> {
        let row = query!(
            r#"with before as materialized (
                 select state, items_left from offers where id = $1 for update
             ), cancelled as (
                 update offers set state = 'cancelled'
                 where id = $1 and exists (
                     select from before where state in ('created', 'fetched', 'redeemed')
                                           or (state = 'issued' and items_left > 0))
                 returning state
             ), erased as (
                 delete from offer_subjects where offer_id = $1 and exists (select from cancelled)
             )
             select state as "before!", coalesce((select state from cancelled), state) as "now!" from before"#,
            id.uuid(),
        )
        .fetch_optional(self.session.statement())
        .await;
        let state =
            |word: &str| OfferState::parse(word).ok_or_else(|| StoreError::corrupt("offers", "state"));
        self.session
            .settle(row)?
            .map(|row| Ok(Cancelled { before: state(&row.before)?, now: state(&row.now)? }))
            .transpose()
    }

    /// What an issuance needs of an offer that was redeemed and has not run out, was not
    /// withdrawn, and has something left.
    pub async fn offer_for_issuance(
        &mut self,
        id: OfferId,
        now: OffsetDateTime,
    ) -> Result<Option<IssuableOffer>, StoreError> {
        let rows = query!(
            "select s.sealed, i.configuration_id, i.component, i.configuration_hash, i.issuance_id
             from offers o
             join offer_items i on i.offer_id = $1
             join offer_subjects s on s.offer_id = $1
             where o.id = $1 and o.state in ('redeemed', 'issued') and o.issue_by > $2
             order by i.configuration_id",
            id.uuid(),
            now,
        )
        .fetch_all(self.session.statement())
        .await;
        let mut offer: Option<IssuableOffer> = None;
        for row in self.session.settle(rows)? {
            let item = item(row.configuration_id, &row.component, &row.configuration_hash, row.issuance_id)?;
            offer
                .get_or_insert_with(|| IssuableOffer { items: Vec::new(), sealed_subject: row.sealed })
                .items
                .push(item);
        }
        Ok(offer)
    }
}

impl<Id: Copy> Page<Id> {
    /// What every id of the page is less than; no id is the greatest UUID.
    pub(crate) fn older_than(&self, uuid: impl Fn(Id) -> Uuid) -> Uuid {
        self.before.map_or(Uuid::max(), uuid)
    }

    /// One row more than asked for, to know whether there is a next page.
    pub(crate) fn rows_to_read(&self) -> i64 {
        i64::from(self.limit.max(1)) + 1
    }

    pub(crate) fn split<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> Id) -> (Vec<T>, Option<Id>) {
        let limit = usize::from(self.limit.max(1));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(id).filter(|_| more);
        (rows, next)
    }
}
