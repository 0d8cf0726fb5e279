//! Deferrals: credentials that somebody has yet to decide on, and what waits with each, sealed.
//!
//! Whoever locks an offer and its deferral locks the offer first.

use chancery_domain::{DeferralId, DeferralState, OfferId, OfferState};
use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::convert::{signed, unsigned};
use crate::{Page, StoreError, TenantTx};

/// A deferral that does not exist yet.
#[derive(Debug, Clone)]
pub struct NewDeferral {
    /// Names it to the issuer.
    pub id: DeferralId,
    /// The offer.
    pub offer: OfferId,
    /// Which credential of it.
    pub configuration_id: String,
    /// Whether the subject waits in the offer.
    pub has_subject: bool,
    /// What a subject is encrypted for that is brought later.
    pub recipient: Vec<u8>,
    /// In how many seconds a wallet asks again.
    pub interval: u32,
    /// What the template waits for, if it is the one that does.
    pub reason: Option<String>,
    /// Now.
    pub created_at: OffsetDateTime,
    /// Until when it can be decided and fetched; a wallet that asks has it extended.
    pub expires_at: OffsetDateTime,
}

/// A wallet that asks for what is deferred.
#[derive(Clone)]
pub struct Asking {
    /// The deferral.
    pub deferral: DeferralId,
    /// Its offer.
    pub offer: OfferId,
    /// Hash of the id that the wallet will come back with.
    pub transaction_hash: [u8; 32],
    /// The keys that it proved, sealed.
    pub sealed_keys: Vec<u8>,
    /// Whether it may ask once more: the former id is void then.
    pub again: bool,
    /// Now.
    pub now: OffsetDateTime,
    /// Until when it may come back.
    pub expires_at: OffsetDateTime,
}

/// A deferral.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferral {
    /// Names it to the issuer.
    pub id: DeferralId,
    /// The offer.
    pub offer: OfferId,
    /// Which credential of it.
    pub configuration_id: String,
    /// How far it has come, as of the time that was given.
    pub state: DeferralState,
    /// Whether the subject waits in the offer.
    pub has_subject: bool,
    /// In how many seconds a wallet asks again.
    pub interval: u32,
    /// What the template waits for.
    pub reason: Option<String>,
    /// Why it was refused.
    pub refusal: Option<String>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When a wallet asked for it, the last time.
    pub asked_at: Option<OffsetDateTime>,
    /// When it was completed or refused.
    pub decided_at: Option<OffsetDateTime>,
    /// Until when it can be decided and fetched.
    pub expires_at: OffsetDateTime,
}

/// What waits with a deferral.
#[derive(Clone)]
pub struct Waiting {
    /// What a subject is encrypted for.
    pub recipient: Vec<u8>,
    /// The subject that was brought.
    pub sealed_subject: Option<Vec<u8>>,
    /// The keys that the wallet proved.
    pub sealed_keys: Option<Vec<u8>>,
}

/// What an issuance settles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The deferral, which must be completed.
    pub deferral: DeferralId,
    /// The hash of the id that the wallet came back with; none if it comes for the first time.
    pub transaction_hash: Option<[u8; 32]>,
}

struct Row {
    id: Uuid,
    offer_id: Uuid,
    configuration_id: String,
    state: String,
    has_subject: bool,
    interval_seconds: i32,
    reason: Option<String>,
    refusal: Option<String>,
    created_at: OffsetDateTime,
    asked_at: Option<OffsetDateTime>,
    decided_at: Option<OffsetDateTime>,
    expires_at: OffsetDateTime,
    offer_state: String,
    offer_expires_at: OffsetDateTime,
    is_restored: bool,
}

impl Row {
    /// The sweep may be late, and an offer takes its deferrals with it; what is read is right at once.
    fn deferral(self, now: OffsetDateTime) -> Result<Deferral, StoreError> {
        let state =
            DeferralState::parse(&self.state).ok_or_else(|| StoreError::corrupt("deferrals", "state"))?;
        let offer =
            OfferState::parse(&self.offer_state).ok_or_else(|| StoreError::corrupt("offers", "state"))?;
        let was_missed = offer.is_redeemable() && self.offer_expires_at <= now;
        let is_late = was_missed || self.expires_at <= now || self.is_restored;
        let state = match offer {
            _ if !state.is_open() => state,
            OfferState::Cancelled | OfferState::Failed => DeferralState::Cancelled,
            OfferState::Expired => DeferralState::Expired,
            _ if is_late => DeferralState::Expired,
            _ => state,
        };
        Ok(Deferral {
            id: DeferralId::from_uuid(self.id),
            offer: OfferId::from_uuid(self.offer_id),
            configuration_id: self.configuration_id,
            state,
            has_subject: self.has_subject,
            interval: unsigned(self.interval_seconds, "deferrals", "interval_seconds")?,
            reason: self.reason,
            refusal: self.refusal,
            created_at: self.created_at,
            asked_at: self.asked_at,
            decided_at: self.decided_at,
            expires_at: self.expires_at,
        })
    }
}

impl TenantTx {
    /// Defers one credential of an offer. `false` if that is deferred or issued already; then nothing is made.
    pub async fn defer(&mut self, new: &NewDeferral) -> Result<bool, StoreError> {
        let done = query_scalar!(
            r#"with offer as (
                 update offers set deferral_ids = array(
                     select case when place = array_position(configuration_ids, $3) then $1::uuid
                                 else deferral_ids[place] end
                     from generate_subscripts(configuration_ids, 1) place order by place)
                 where id = $2 and array_position(configuration_ids, $3) is not null
                   and deferral_ids[array_position(configuration_ids, $3)] is null
                   and issuance_ids[array_position(configuration_ids, $3)] is null
                 returning id
             ), deferral as (
                 insert into deferrals (
                     id, offer_id, configuration_id, state, has_subject, recipient, interval_seconds, reason,
                     created_at, expires_at
                 )
                 select $1, id, $3, 'pending', $4, $5, $6, $7, $8, $9 from offer
             ), due as (
                 insert into due (kind, at) select 'sweep', $9::timestamptz from offer on conflict do nothing
             )
             select exists (select from offer) as "deferred!""#,
            new.id.uuid(),
            new.offer.uuid(),
            new.configuration_id,
            new.has_subject,
            new.recipient,
            signed(new.interval, "deferrals", "interval_seconds")?,
            new.reason,
            new.created_at,
            new.expires_at,
        )
        .fetch_one(self.session.statement())
        .await;
        self.session.settle(done)
    }

    /// Notes that a wallet asked, and keeps its offer until it may come back. `false` if the tenant does not issue,
    /// the offer or the deferral is over, or another request came before this one.
    pub async fn ask_for_deferred(&mut self, asking: &Asking) -> Result<bool, StoreError> {
        let done = query_scalar!(
            r#"with offer as (
                 update offers set issue_by = greatest(issue_by, $7)
                 where id = $3 and state in ('redeemed', 'issued') and items_left > 0 and issue_by > $6
                   and restore_epoch = coalesce((select restore_epoch from deployment where one), 0)
                   and issuance_ids[array_position(deferral_ids, $2)] is null
                   and exists (select from tenants where id = $1 and status = 'active')
                 returning id
             ), kept as (
                 update offer_subjects s set erase_at = greatest(erase_at, $7)
                 from offer where s.offer_id = offer.id
             ), asked as (
                 update deferrals d set transaction_hash = $4, sealed_keys = $5, asked_at = $6,
                     expires_at = greatest(d.expires_at, $7)
                 from offer
                 where d.id = $2 and d.offer_id = offer.id and d.state in ('pending', 'completed')
                   and d.expires_at > $6 and (d.transaction_hash is null or $8)
                 returning d.id
             )
             select exists (select from asked) as "asked!""#,
            self.tenant.uuid(),
            asking.deferral.uuid(),
            asking.offer.uuid(),
            asking.transaction_hash.as_slice(),
            asking.sealed_keys,
            asking.now,
            asking.expires_at,
            asking.again,
        )
        .fetch_one(self.session.statement())
        .await;
        self.session.settle(done)
    }

    /// The deferral of that id.
    pub async fn deferral(
        &mut self,
        id: DeferralId,
        now: OffsetDateTime,
    ) -> Result<Option<Deferral>, StoreError> {
        let row = query_as!(
            Row,
            r#"select d.id, d.offer_id, d.configuration_id, d.state, d.has_subject, d.interval_seconds, d.reason,
                 d.refusal, d.created_at, d.asked_at, d.decided_at, d.expires_at, o.state as offer_state,
                 o.expires_at as offer_expires_at,
                 o.restore_epoch <> coalesce((select restore_epoch from deployment where one), 0) as "is_restored!"
             from deferrals d join offers o on o.id = d.offer_id
             where d.id = $1"#,
            id.uuid(),
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(|row| row.deferral(now)).transpose()
    }

    /// The deferral that a wallet comes back for.
    pub async fn deferral_of_transaction(
        &mut self,
        transaction_hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<Deferral>, StoreError> {
        let id = query_scalar!(
            "select id from deferrals where transaction_hash = $1",
            transaction_hash.as_slice()
        )
        .fetch_optional(self.session.statement())
        .await;
        match self.session.settle(id)? {
            Some(id) => self.deferral(DeferralId::from_uuid(id), now).await,
            None => Ok(None),
        }
    }

    /// What waits with a deferral.
    pub async fn waiting(&mut self, id: DeferralId) -> Result<Option<Waiting>, StoreError> {
        let waiting = query_as!(
            Waiting,
            "select recipient, sealed_subject, sealed_keys from deferrals where id = $1",
            id.uuid()
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(waiting)
    }

    /// A page of deferrals that stand so, and where the next one begins.
    pub async fn deferrals(
        &mut self,
        state: Option<DeferralState>,
        offer: Option<OfferId>,
        now: OffsetDateTime,
        page: &Page<DeferralId>,
    ) -> Result<(Vec<Deferral>, Option<DeferralId>), StoreError> {
        let rows = query_as!(
            Row,
            r#"select d.id, d.offer_id, d.configuration_id, d.state, d.has_subject, d.interval_seconds, d.reason,
                 d.refusal, d.created_at, d.asked_at, d.decided_at, d.expires_at, o.state as offer_state,
                 o.expires_at as offer_expires_at,
                 o.restore_epoch <> coalesce((select restore_epoch from deployment where one), 0) as "is_restored!"
             from deferrals d join offers o on o.id = d.offer_id
             where d.id < $1 and ($3::uuid is null or d.offer_id = $3) and ($4::text is null or d.state = $4
                 and (d.state not in ('pending', 'completed')
                      or (d.expires_at > $5 and o.state not in ('failed', 'expired', 'cancelled')
                          and (o.expires_at > $5 or o.state not in ('created', 'fetched')))))
             order by d.id desc limit $2"#,
            page.older_than(DeferralId::uuid),
            page.rows_to_read(),
            offer.map(OfferId::uuid),
            state.map(DeferralState::as_str),
            now,
        )
        .fetch_all(self.session.statement())
        .await;
        let rows = self.session.settle(rows)?.into_iter();
        let deferrals = rows.map(|row| row.deferral(now)).collect::<Result<Vec<_>, _>>()?;
        Ok(page.split(deferrals, |deferral| deferral.id))
    }

    /// Has a pending deferral issued, with what was brought. `false` if it is not pending.
    pub async fn complete_deferral(
        &mut self,
        id: DeferralId,
        sealed_subject: Option<&[u8]>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = query!(
            "update deferrals set state = 'completed', sealed_subject = $2, decided_at = $3
             where id = $1 and state = 'pending' and expires_at > $3",
            id.uuid(),
            sealed_subject,
            now,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Refuses a deferral that was not issued yet: its credential counts as used up, and an offer of which nothing
    /// is left fails. `false` if it is over.
    pub async fn refuse_deferral(
        &mut self,
        id: DeferralId,
        reason: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = query_scalar!(
            r#"with offer as materialized (
                 select id from offers where id = (select offer_id from deferrals where id = $1) for update
             ), refused as (
                 update deferrals d
                 set state = 'refused', refusal = $2, decided_at = $3, sealed_subject = null, sealed_keys = null
                 from offer
                 where d.id = $1 and d.state in ('pending', 'completed') and d.expires_at > $3
                 returning d.offer_id
             ), counted as (
                 update offers o
                 set items_left = items_left - 1,
                     state = case when items_left <= 1 and state in ('created', 'fetched', 'redeemed')
                         then 'failed' else state end
                 from refused where o.id = refused.offer_id
                 returning o.id, o.items_left
             ), erased as (
                 delete from offer_subjects s using counted where s.offer_id = counted.id and counted.items_left = 0
             )
             select exists (select from refused) as "refused!""#,
            id.uuid(),
            reason,
            now,
        )
        .fetch_one(self.session.statement())
        .await;
        self.session.settle(done)
    }

    /// Notes that what was deferred is issued. `false` if it is not completed, or was asked for anew.
    pub(crate) async fn settle_deferral(
        &mut self,
        settled: &Settled,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = query!(
            "update deferrals set state = 'issued', sealed_subject = null, sealed_keys = null
             where id = $1 and state = 'completed' and expires_at > $2
               and transaction_hash is not distinct from $3",
            settled.deferral.uuid(),
            now,
            settled.transaction_hash.as_ref().map(<[u8; 32]>::as_slice),
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Ends deferrals whose time is over, or whose offer is, and erases what waited with them.
    pub(crate) async fn expire_deferrals(&mut self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let done = query!(
            "update deferrals d
             set state = case when o.state in ('failed', 'cancelled') then 'cancelled' else 'expired' end,
                 sealed_subject = null, sealed_keys = null
             from offers o
             where o.id = d.offer_id and d.state in ('pending', 'completed')
               and (d.expires_at <= $1 or o.state in ('failed', 'cancelled', 'expired'))",
            now,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected())
    }
}
