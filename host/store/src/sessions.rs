//! Sessions: offers by how far they came, and how they are forgotten. What was issued for them stays.

use chancery_domain::session::SessionState;
use chancery_domain::{OfferId, OfferState};
use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::offers::Row;
use crate::{Offer, Page, StoreError, TenantTx};

/// How many offers are forgotten at once.
pub const FORGOTTEN_AT_ONCE: u16 = 1_000;

impl TenantTx {
    /// A page of offers that came so far, and where the next one begins. An offer whose time is over counts as
    /// expired, whether or not that was noted yet.
    pub async fn sessions(
        &mut self,
        state: Option<SessionState>,
        now: OffsetDateTime,
        page: &Page<OfferId>,
    ) -> Result<(Vec<Offer>, Option<OfferId>), StoreError> {
        let states: Option<Vec<String>> =
            state.map(|state| state.offer_states().map(|state| state.as_str().to_owned()).collect());
        let rows = query_as!(
            Row,
            r#"select id, state, grant_type, tx_code_description, tx_code_attempts, renews, created_at, expires_at,
                 configuration_ids, components, configuration_hashes,
                 issuance_ids as "issuance_ids: Vec<Option<Uuid>>",
                 deferral_ids as "deferral_ids: Vec<Option<Uuid>>"
             from offers
             where id < $1 and ($3::text[] is null or (
                 case when state in ('created', 'fetched') and expires_at <= $4 then 'expired' else state end
             ) = any($3))
             order by id desc limit $2"#,
            page.older_than(OfferId::uuid),
            page.rows_to_read(),
            states.as_deref(),
            now,
        )
        .fetch_all(self.session.statement())
        .await;
        let offers = self.session.settle(rows)?.into_iter().map(Row::offer).collect::<Result<Vec<_>, _>>()?;
        Ok(page.split(offers, |offer| offer.id))
    }

    /// Forgets one offer that is over. `None` if there is none of that id, `false` if something may still be issued.
    pub async fn forget_session(
        &mut self,
        id: OfferId,
        now: OffsetDateTime,
    ) -> Result<Option<bool>, StoreError> {
        let row = query!(
            r#"with known as materialized (
                 select state, items_left, issue_by from offers where id = $1 for update
             ), gone as (
                 delete from offers
                 where id = $1 and exists (
                     select from known where state = any($3) or items_left = 0 or issue_by <= $2)
                 returning id
             ), erased as (
                 delete from offer_subjects where offer_id = $1 and exists (select from gone)
             ), decided as (
                 delete from deferrals where offer_id = $1 and exists (select from gone)
             )
             select exists (select from gone) as "gone!" from known"#,
            id.uuid(),
            now,
            &ended(),
        )
        .fetch_optional(self.session.statement())
        .await;
        Ok(self.session.settle(row)?.map(|row| row.gone))
    }

    /// Forgets offers that are over and were made before then; how many. As long as a wallet may renew what an offer
    /// issued, it is not over.
    pub async fn forget_sessions(
        &mut self,
        made_before: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let done = query!(
            "with gone as (
                 delete from offers where id = any(array(
                     select id from offers o where id < $1 and issue_by <= $2
                       and not exists (
                         select from refresh_families f where f.offer_id = coalesce(o.renews, o.id))
                     order by id limit $3
                 ))
                 returning id
             ), erased as (
                 delete from offer_subjects where offer_id = any(array(select id from gone))
             ), decided as (
                 delete from deferrals where offer_id = any(array(select id from gone))
             )
             select id from gone",
            OfferId::new(made_before, [0; 10]).uuid(),
            now,
            i64::from(FORGOTTEN_AT_ONCE),
        )
        .fetch_all(self.session.statement())
        .await;
        Ok(u64::try_from(self.session.settle(done)?.len()).unwrap_or(u64::MAX))
    }

    /// The offer that was made first.
    pub async fn oldest_session(&mut self) -> Result<Option<OfferId>, StoreError> {
        let id = query_scalar!("select id from offers order by id limit 1")
            .fetch_optional(self.session.statement())
            .await;
        Ok(self.session.settle(id)?.map(OfferId::from_uuid))
    }
}

/// The states in which nothing is issued any more.
fn ended() -> Vec<String> {
    let ended = OfferState::ALL.into_iter().filter(|state| state.is_final());
    ended.map(|state| state.as_str().to_owned()).collect()
}
