//! What time does to a tenant's rows: offers expire, used-up values are forgotten.

use chancery_domain::{EventType, OfferId};
use sqlx::query;
use time::{Duration, OffsetDateTime};

use crate::{StoreError, TenantTx};

/// How often a tenant is swept at least while it has anything, and how long after it has nothing.
const NO_LATER_THAN: Duration = Duration::DAY;
/// How often a tenant is swept at most.
const NO_SOONER_THAN: Duration = Duration::MINUTE;

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Offers that are expired now.
    pub offers_expired: u64,
    /// Used-up values, answers, invitations, decided authorizations and ended families that were forgotten, and
    /// deferrals that are over.
    pub forgotten: u64,
    /// Of the offers, those that a webhook is to be told of.
    pub to_tell: Vec<OfferId>,
}

impl TenantTx {
    /// Marks offers whose time is over and erases their subjects. Nothing waits for this: an offer that is
    /// late is refused whatever its mark says.
    pub async fn expire_offers(&mut self, now: OffsetDateTime) -> Result<(u64, Vec<OfferId>), StoreError> {
        let expired = query!(
            r#"with late as (
                 select offer_id, erase_at <= $1 as over from offer_subjects
                 where erase_at <= $1 + interval '15 minutes' and expires_at <= $1
             ), expired as (
                 update offers o set state = 'expired' from late
                 where o.id = late.offer_id and o.id = any(array(select offer_id from late))
                   and (o.state in ('created', 'fetched') or (o.state = 'redeemed' and late.over))
                 returning o.id
             ), erased as (
                 delete from offer_subjects s using late
                 where s.offer_id = late.offer_id and s.offer_id = any(array(select offer_id from late))
                   and (late.over or s.offer_id in (select id from expired))
             )
             select count(*) as "count!",
                 array_agg(id) filter (where exists (
                     select from webhooks where state = 'enabled'
                       and (event_types is null or $2 = any(event_types)))) as to_tell
             from expired"#,
            now,
            EventType::OfferExpired.as_str(),
        )
        .fetch_one(self.session.statement())
        .await;
        let expired = self.session.settle(expired)?;
        let to_tell = expired.to_tell.unwrap_or_default().into_iter().map(OfferId::from_uuid).collect();
        Ok((expired.count.unsigned_abs(), to_tell))
    }

    /// Forgets used-up values, decided authorizations, families of refresh tokens, invitations and stored answers
    /// whose time is over, and ends such deferrals.
    pub async fn purge(&mut self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let seen =
            query!("delete from seen where expires_at <= $1", now).execute(self.session.statement()).await;
        let seen = self.session.settle(seen)?.rows_affected();
        let decided = self.forget_authorizations(now).await?;
        let families = self.forget_families(now).await?;
        let inputs = self.forget_inputs(now).await?;
        let deferrals = self.expire_deferrals(now).await?;
        let answers = query!("delete from idempotent_answers where expires_at <= $1", now)
            .execute(self.session.statement())
            .await;
        let answers = self.session.settle(answers)?.rows_affected();
        // With whom they were for, be they accepted or not.
        let invitations = query!("delete from invitations where expires_at <= $1", now)
            .execute(self.session.statement())
            .await;
        Ok(seen
            + decided
            + families
            + inputs
            + deferrals
            + answers
            + self.session.settle(invitations)?.rows_affected())
    }

    /// Expires and purges, and says when to come again: soon if something waits, in a day if nothing does,
    /// never if nothing did for a day. (An offer that is made in the very instant of that last
    /// visit is swept after the tenant's next one; it is refused in time all the same.)
    pub async fn sweep(&mut self, now: OffsetDateTime) -> Result<Swept, StoreError> {
        let (offers_expired, to_tell) = self.expire_offers(now).await?;
        let swept = Swept { offers_expired, to_tell, forgotten: self.purge(now).await? };
        let idle = swept == Swept::default();
        let done = query!(
            "with next as (
                 select min(at) as at from (
                     select min(case when expires_at > $1 then expires_at else erase_at end) as at
                     from offer_subjects
                     union all select min(expires_at) from seen
                     union all select min(forget_at) from authorizations
                     union all select min(expires_at) from refresh_families
                     union all select min(expires_at) from deferrals where state in ('pending', 'completed')
                     union all select min(expires_at) from idempotent_answers
                     union all select min(expires_at) from invitations
                     union all select min(expires_at) from kept_inputs
                 ) waiting
             ), gone as (
                 delete from due using next where kind = 'sweep' and next.at is null and $4
             )
             update due set at = least(greatest(coalesce(next.at, $3), $2), $3)
             from next where kind = 'sweep' and (next.at is not null or not $4)",
            now,
            now + NO_SOONER_THAN,
            now + NO_LATER_THAN,
            idle,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        // Nearly always there already, see `seal_again`.
        let done = query!(
            "insert into due (kind, at) select 'seal', $1 from audit_waiting limit 1
             on conflict do nothing",
            now,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        // Likewise: whoever has offers is visited some day to forget them.
        let done = query!(
            "insert into due (kind, at) select 'forget', $1 from offers limit 1 on conflict do nothing",
            now + NO_LATER_THAN,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        Ok(swept)
    }
}
