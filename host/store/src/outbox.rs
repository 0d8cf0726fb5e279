//! What webhooks are told: written with what happened, taken by whoever delivers it, and what became of it.
//!
//! Replicas find tenants by the `deliver` rows of `due`. Whoever writes an event moves that row up only if it lies
//! ahead: a row that is due already is left alone, or all issuances of a tenant would queue at it. So whoever takes
//! deliveries from a row that was due cannot know of events whose transactions were still open, and comes again
//! when those have ended; who took it before it was due can rest.

use chancery_domain::webhook::DeliveryState;
use chancery_domain::{Event, EventId, WebhookId};
use serde_json::Value;
use sqlx::{query, query_scalar};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::webhooks::SealedSecrets;
use crate::{Chore, StoreError, TenantTx};

/// How long a delivery is its taker's. Longer than all deliveries of one webhook that are taken together may take.
const LEASE: Duration = Duration::seconds(90);
/// How many are taken of one webhook.
const MOST_OF_ONE: i64 = 5;
/// Longer than any transaction that writes an event is open.
const COME_AGAIN: Duration = Duration::seconds(30);
/// Deliveries that are over are forgotten this often.
const REST: Duration = Duration::DAY;

/// A delivery that is to be tried now, by whoever took it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// To which webhook.
    pub webhook: WebhookId,
    /// Where that is.
    pub url: String,
    /// What signs.
    pub secrets: SealedSecrets,
    /// Of which event.
    pub event: EventId,
    /// Of which type it is.
    pub kind: String,
    /// When it happened.
    pub at: OffsetDateTime,
    /// What happened.
    pub data: Value,
    /// How many attempts there were, this one included.
    pub attempts: u16,
    /// Since when the webhook accepted nothing.
    pub failing_since: Option<OffsetDateTime>,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was accepted.
    Accepted,
    /// It is tried again then.
    Again(OffsetDateTime),
    /// It is not tried again.
    Dead,
}

/// What was taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taken {
    /// Of each webhook the longest waiting first.
    pub deliveries: Vec<Delivery>,
}

impl TenantTx {
    /// Tells of events every webhook that wants to know, in the transaction in which they happen.
    pub async fn tell(&mut self, events: &[Event]) -> Result<(), StoreError> {
        let Some(now) = events.iter().map(|event| event.at).max() else { return Ok(()) };
        let ids: Vec<Uuid> = events.iter().map(|event| event.id.uuid()).collect();
        let kinds: Vec<String> = events.iter().map(|event| event.kind.to_owned()).collect();
        let times: Vec<OffsetDateTime> = events.iter().map(|event| event.at).collect();
        let data: Vec<String> = events.iter().map(|event| event.data.to_string()).collect();
        let done = query!(
            "with told as (
                 insert into webhook_deliveries (webhook_id, event_id, event_type, at, data, next_at)
                 select w.id, e.id, e.kind, e.at, e.data::json, e.at
                 from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[]) e (id, kind, at, data), webhooks w
                 where w.state = 'enabled' and (w.event_types is null or e.kind = any(w.event_types))
                 returning 1
             )
             insert into due (kind, at) select 'deliver', $5
             where exists (select from told) and not exists (select from due where kind = 'deliver' and at <= $5)
             on conflict (tenant_id, kind) do update set at = least(due.at, excluded.at)",
            &ids,
            &kinds,
            &times,
            &data,
            now,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Tells one webhook of an event that is nobody else's business. `false` if it is not enabled.
    pub async fn tell_one(&mut self, webhook: WebhookId, event: &Event) -> Result<bool, StoreError> {
        let told = query!(
            "insert into webhook_deliveries (webhook_id, event_id, event_type, at, data, next_at)
             select id, $2, $3, $4, $5::text::json, $4 from webhooks where id = $1 and state = 'enabled'",
            webhook.uuid(),
            event.id.uuid(),
            event.kind,
            event.at,
            event.data.to_string(),
        )
        .execute(self.session.statement())
        .await;
        let told = self.session.settle(told)?.rows_affected() == 1;
        if told {
            self.due_by(Chore::Deliver, event.at).await?;
        }
        Ok(told)
    }

    /// Takes what is to be delivered by `until`, for a while, of webhooks that are not `busy`; and forgets what
    /// was told before `forget_before`. Says when to come again. None if somebody else is just taking.
    pub async fn take_deliveries(
        &mut self,
        now: OffsetDateTime,
        until: OffsetDateTime,
        busy: &[WebhookId],
        forget_before: EventId,
    ) -> Result<Option<Taken>, StoreError> {
        let due = query_scalar!("select at from due where kind = 'deliver' for update skip locked")
            .fetch_optional(self.session.statement())
            .await;
        let Some(due) = self.session.settle(due)? else { return Ok(None) };
        let busy: Vec<Uuid> = busy.iter().map(|id| id.uuid()).collect();
        let deliveries = self.take(until, now + LEASE, &busy).await?;
        let forgotten = query!("delete from webhook_deliveries where event_id < $1", forget_before.uuid())
            .execute(self.session.statement())
            .await;
        self.session.settle(forgotten)?;
        let found = query!(
            r#"select min(first.next_at) as next, exists (select from webhooks) as "any!" from webhooks w
             cross join lateral (
                 select next_at from webhook_deliveries d where d.webhook_id = w.id and d.state = 'pending'
                 order by next_at limit 1
             ) first
             where w.state = 'enabled' and w.id <> all($1)"#,
            &busy,
        )
        .fetch_one(self.session.statement())
        .await;
        let found = self.session.settle(found)?;
        // Who has no webhook is visited no more.
        let next = found.next.or_else(|| found.any.then_some(now + REST));
        // There may be what nobody sees yet.
        let soon = now + COME_AGAIN;
        let again = if due <= now { Some(next.map_or(soon, |next| next.min(soon))) } else { next };
        self.due_again(Chore::Deliver, again).await?;
        Ok(Some(Taken { deliveries }))
    }

    async fn take(
        &mut self,
        until: OffsetDateTime,
        leased_until: OffsetDateTime,
        busy: &[Uuid],
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = query!(
            r#"with picked as materialized (
                 select next.webhook_id, next.event_id from webhooks w
                 cross join lateral (
                     select webhook_id, event_id from webhook_deliveries d
                     where d.webhook_id = w.id and d.state = 'pending' and d.next_at <= $1
                     order by d.next_at limit $4
                     for update skip locked
                 ) next
                 where w.state = 'enabled' and w.id <> all($3)
             ), taken as (
                 update webhook_deliveries d set next_at = $2, attempts = attempts + 1 from picked p
                 where d.webhook_id = p.webhook_id and d.event_id = p.event_id
                 returning d.webhook_id, d.event_id, d.event_type, d.at, d.data, d.attempts
             )
             select t.webhook_id as "webhook_id!", t.event_id as "event_id!", t.event_type as "event_type!",
                 t.at as "at!", t.data as "data!: Value", t.attempts as "attempts!", w.url, w.sealed_secret,
                 w.sealed_former_secret, w.former_until, w.failing_since
             from taken t join webhooks w on w.id = t.webhook_id order by t.webhook_id, t.event_id"#,
            until,
            leased_until,
            busy,
            MOST_OF_ONE,
        )
        .fetch_all(self.session.statement())
        .await;
        let rows = self.session.settle(rows)?.into_iter();
        rows.map(|row| {
            Ok(Delivery {
                webhook: WebhookId::from_uuid(row.webhook_id),
                url: row.url,
                secrets: SealedSecrets {
                    current: row.sealed_secret,
                    former: row.sealed_former_secret.zip(row.former_until),
                },
                event: EventId::from_uuid(row.event_id),
                kind: row.event_type,
                at: row.at,
                data: row.data,
                attempts: u16::try_from(row.attempts)
                    .map_err(|_| StoreError::corrupt("webhook_deliveries", "attempts"))?,
                failing_since: row.failing_since,
            })
        })
        .collect()
    }

    /// Notes what became of an attempt. Whoever was replayed meanwhile begins anew.
    pub async fn note_attempt(
        &mut self,
        delivery: &Delivery,
        outcome: Outcome,
        answer: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let (state, next_at) = match outcome {
            Outcome::Accepted => (DeliveryState::Delivered, None),
            Outcome::Again(at) => (DeliveryState::Pending, Some(at)),
            Outcome::Dead => (DeliveryState::Dead, None),
        };
        let done = query!(
            "update webhook_deliveries
             set state = $3, next_at = coalesce($4, next_at), answered_at = $5, answer = $6
             where webhook_id = $1 and event_id = $2 and state = 'pending' and attempts = $7",
            delivery.webhook.uuid(),
            delivery.event.uuid(),
            state.as_str(),
            next_at,
            now,
            answer,
            i16::try_from(delivery.attempts).unwrap_or(i16::MAX),
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        let is_failing = outcome != Outcome::Accepted;
        if is_failing != delivery.failing_since.is_some() {
            let done = query!(
                "update webhooks set failing_since = case when $2 then coalesce(failing_since, $3) end where id = $1",
                delivery.webhook.uuid(),
                is_failing,
                now,
            )
            .execute(self.session.statement())
            .await;
            self.session.settle(done)?;
        }
        match next_at {
            Some(at) => self.due_by(Chore::Deliver, at).await,
            None => Ok(()),
        }
    }

    /// Sets deliveries of a webhook out anew, with the ids that they have: one, or all that are dead. How many.
    pub async fn replay(
        &mut self,
        webhook: WebhookId,
        only: Option<EventId>,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let done = query!(
            "update webhook_deliveries set state = 'pending', attempts = 0, next_at = $3
             where webhook_id = $1 and (event_id = $2 or ($2 is null and state = 'dead'))",
            webhook.uuid(),
            only.map(EventId::uuid),
            now,
        )
        .execute(self.session.statement())
        .await;
        let replayed = self.session.settle(done)?.rows_affected();
        if replayed > 0 {
            self.due_by(Chore::Deliver, now).await?;
        }
        Ok(replayed)
    }
}
