//! Offers: made, fetched, listed, withdrawn, and read for issuance.
//!
//! An offer's items are columns of it, so that one row is written, updated in place and read.

use chancery_domain::template::Revision;
use chancery_domain::{
    ApiKeyId, AuditEntry, ClientId, DeferralId, IssuanceId, OfferGrant, OfferId, OfferState, RequestId,
};
use serde_json::Value;
use sqlx::{query, query_as, query_scalar};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::convert::{digest, signed};
use crate::{Page, Principal, StoreError, TenantTx};

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
    /// How a wallet gets a token for it.
    pub grant: OfferGrant,
    /// Hash of the pre-authorized code, or of the issuer state; apart, by the grant.
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
    /// How a wallet gets a token for it.
    pub grant: OfferGrant,
    /// What it offers, by configuration id.
    pub items: Vec<OfferItem>,
    /// What the wallet is told of the transaction code, if there is one.
    pub tx_code: Option<Value>,
    /// How often the transaction code was tried.
    pub tx_code_attempts: i16,
    /// The offer that it renews, if the host made it for a refresh token.
    pub renews: Option<OfferId>,
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
    /// What has to be decided first.
    pub deferral: Option<DeferralId>,
}

/// What an issuance needs of its offer.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuableOffer {
    /// What it offers, used up or not.
    pub items: Vec<OfferItem>,
    /// The subject's data, as it was given to [`create_offer`](TenantTx::create_offer).
    pub sealed_subject: Vec<u8>,
    /// Whether the wallet renews what it has.
    pub is_renewal: bool,
    /// How often each item was issued again; nothing as long as none was.
    pub repeats: Vec<i16>,
}

impl IssuableOffer {
    /// How often an item was issued again.
    pub fn repeats(&self, configuration_id: &str) -> u8 {
        let place = self.items.iter().position(|item| item.configuration_id == configuration_id);
        let repeats = place.and_then(|place| self.repeats.get(place)).copied().unwrap_or_default();
        u8::try_from(repeats).unwrap_or(u8::MAX)
    }
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

/// Reads the items of an offer: columns with one place for each item, the last of them only if something is deferred.
pub(crate) fn items(
    configuration_ids: Vec<String>,
    components: &[Vec<u8>],
    configuration_hashes: &[Vec<u8>],
    issuance_ids: Vec<Option<Uuid>>,
    deferral_ids: Option<Vec<Option<Uuid>>>,
) -> Result<Vec<OfferItem>, StoreError> {
    let revisions = components.iter().zip(configuration_hashes);
    let deferrals = deferral_ids.unwrap_or_default().into_iter().chain(std::iter::repeat(None));
    let items = configuration_ids.into_iter().zip(revisions).zip(issuance_ids).zip(deferrals);
    items
        .map(|(((configuration_id, (component, configuration)), issuance), deferral)| {
            Ok(OfferItem {
                configuration_id,
                revision: Revision {
                    component: digest(component, "offers", "components")?,
                    configuration: digest(configuration, "offers", "configuration_hashes")?,
                },
                issuance: issuance.map(IssuanceId::from_uuid),
                deferral: deferral.map(DeferralId::from_uuid),
            })
        })
        .collect()
}

pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) state: String,
    pub(crate) grant_type: String,
    pub(crate) tx_code_description: Option<Value>,
    pub(crate) tx_code_attempts: i16,
    pub(crate) renews: Option<Uuid>,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) configuration_ids: Vec<String>,
    pub(crate) components: Vec<Vec<u8>>,
    pub(crate) configuration_hashes: Vec<Vec<u8>>,
    pub(crate) issuance_ids: Vec<Option<Uuid>>,
    pub(crate) deferral_ids: Option<Vec<Option<Uuid>>>,
}

impl Row {
    pub(crate) fn offer(self) -> Result<Offer, StoreError> {
        let Self { configuration_ids, components, configuration_hashes, issuance_ids, deferral_ids, .. } =
            self;
        Ok(Offer {
            id: OfferId::from_uuid(self.id),
            state: OfferState::parse(&self.state).ok_or_else(|| StoreError::corrupt("offers", "state"))?,
            grant: OfferGrant::parse(&self.grant_type)
                .ok_or_else(|| StoreError::corrupt("offers", "grant_type"))?,
            items: items(configuration_ids, &components, &configuration_hashes, issuance_ids, deferral_ids)?,
            tx_code: self.tx_code_description,
            tx_code_attempts: self.tx_code_attempts,
            renews: self.renews.map(OfferId::from_uuid),
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}

impl TenantTx {
    /// Makes an offer. One statement. `false` if the key or token that it is made by opens nothing any more; then
    /// nothing was made, however recently the caller looked the key up.
    pub async fn create_offer(&mut self, offer: &NewOffer) -> Result<bool, StoreError> {
        let (mut ids, mut components, mut configurations) = (Vec::new(), Vec::new(), Vec::new());
        let mut items: Vec<&PinnedItem> = offer.items.iter().collect();
        items.sort_unstable_by_key(|item| &item.configuration_id);
        for item in items {
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
                     restore_epoch, created_at, expires_at, issue_by,
                     configuration_ids, components, configuration_hashes, issuance_ids, grant_type
                 )
                 select $1::uuid, $2::bytea, $3::bytea, 'created', $4::smallint, $5::bytea, $6::text::json,
                     coalesce((select restore_epoch from deployment where one), 0),
                     $7::timestamptz, $8::timestamptz, $9::timestamptz,
                     $10::text[], $11::bytea[], $12::bytea[], array_fill(null::uuid, array[cardinality($10)]),
                     $25::text
                 from maker
             ), subject as (
                 insert into offer_subjects (offer_id, sealed, expires_at, erase_at)
                 select $1, $13::bytea, $8, $9 from maker
             ), audit as (
                 insert into audit_entries (id, at, actor, actor_id, action, target, after, request_id)
                 select $17::uuid, $18::timestamptz, $19::text, $20::uuid, $21::text, $22::text,
                     $23::text::json, $24::uuid
                 from maker
             ), waiting as (
                 insert into audit_waiting (entry_id) select $17 from maker
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
            offer.grant.as_str(),
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
        let row = query_as!(
            Row,
            r#"with fetched as (
                 update offers set state = 'fetched'
                 where handle_hash = $1 and state = 'created' and expires_at > $2
             )
             select id,
                 case when state not in ('created', 'fetched') then state
                      when expires_at <= $2 then 'expired'
                      else 'fetched' end as "state!",
                 grant_type, tx_code_description, tx_code_attempts, renews, created_at, expires_at, configuration_ids,
                 components, configuration_hashes, issuance_ids as "issuance_ids: Vec<Option<Uuid>>",
                 deferral_ids as "deferral_ids: Vec<Option<Uuid>>"
             from offers where handle_hash = $1"#,
            handle_hash.as_slice(),
            now,
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::offer).transpose()
    }

    /// Notes the first reading apart from the reading, where somebody is to be told of it. The offer, if this was it.
    pub async fn note_fetched(
        &mut self,
        handle_hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<OfferId>, StoreError> {
        let first = query_scalar!(
            "update offers set state = 'fetched'
             where handle_hash = $1 and state = 'created' and expires_at > $2 returning id",
            handle_hash.as_slice(),
            now,
        )
        .fetch_optional(self.session.statement())
        .await;
        Ok(self.session.settle(first)?.map(OfferId::from_uuid))
    }

    /// The same offer for a person who looks at its page: nothing is noted.
    pub async fn look_at_offer(&mut self, handle_hash: &[u8; 32]) -> Result<Option<Offer>, StoreError> {
        let row = query_as!(
            Row,
            r#"select id, state, grant_type, tx_code_description, tx_code_attempts, renews, created_at, expires_at,
                 configuration_ids, components, configuration_hashes,
                 issuance_ids as "issuance_ids: Vec<Option<Uuid>>",
                 deferral_ids as "deferral_ids: Vec<Option<Uuid>>"
             from offers where handle_hash = $1"#,
            handle_hash.as_slice(),
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::offer).transpose()
    }

    /// The offer of that id, as the issuer sees it.
    pub async fn offer(&mut self, id: OfferId) -> Result<Option<Offer>, StoreError> {
        let row = query_as!(
            Row,
            r#"select id, state, grant_type, tx_code_description, tx_code_attempts, renews, created_at, expires_at,
                 configuration_ids, components, configuration_hashes,
                 issuance_ids as "issuance_ids: Vec<Option<Uuid>>",
                 deferral_ids as "deferral_ids: Vec<Option<Uuid>>"
             from offers where id = $1"#,
            id.uuid(),
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::offer).transpose()
    }

    /// A page of offers, and where the next one begins.
    pub async fn offers(
        &mut self,
        page: &Page<OfferId>,
    ) -> Result<(Vec<Offer>, Option<OfferId>), StoreError> {
        let rows = query_as!(
            Row,
            r#"select id, state, grant_type, tx_code_description, tx_code_attempts, renews, created_at, expires_at,
                 configuration_ids, components, configuration_hashes,
                 issuance_ids as "issuance_ids: Vec<Option<Uuid>>",
                 deferral_ids as "deferral_ids: Vec<Option<Uuid>>"
             from offers where id < $1 order by id desc limit $2"#,
            page.older_than(OfferId::uuid),
            page.rows_to_read(),
        )
        .fetch_all(self.session.statement())
        .await;
        let offers = self.session.settle(rows)?.into_iter().map(Row::offer).collect::<Result<Vec<_>, _>>()?;
        Ok(page.split(offers, |offer| offer.id))
    }

    /// Withdraws the offer and erases its subject: an offer that was issued in full, or is over for another
    /// reason, stays what it is, but issues nothing a second time.
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
                 delete from offer_subjects where offer_id = $1 and exists (select from before)
             ), undecided as (
                 update deferrals set state = 'cancelled', sealed_subject = null, sealed_keys = null
                 where offer_id = $1 and state in ('pending', 'completed') and exists (select from cancelled)
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
    /// withdrawn, and has something left, or may issue something again.
    pub async fn offer_for_issuance(
        &mut self,
        id: OfferId,
        now: OffsetDateTime,
    ) -> Result<Option<IssuableOffer>, StoreError> {
        let row = query!(
            r#"select s.sealed, o.configuration_ids, o.components, o.configuration_hashes,
                 o.issuance_ids as "issuance_ids: Vec<Option<Uuid>>",
                 o.deferral_ids as "deferral_ids: Vec<Option<Uuid>>", o.renews is not null as "is_renewal!", o.repeats
             from offers o join offer_subjects s on s.offer_id = $1
             where o.id = $1 and (o.state in ('redeemed', 'issued') or (o.state = 'accepted' and s.erase_at > $2))
               and o.issue_by > $2"#,
            id.uuid(),
            now,
        )
        .fetch_optional(self.session.statement())
        .await;
        let Some(row) = self.session.settle(row)? else { return Ok(None) };
        let items = items(
            row.configuration_ids,
            &row.components,
            &row.configuration_hashes,
            row.issuance_ids,
            row.deferral_ids,
        )?;
        let repeats = row.repeats.unwrap_or_default();
        Ok(Some(IssuableOffer { items, sealed_subject: row.sealed, is_renewal: row.is_renewal, repeats }))
    }
}
