//! Webhooks are told what happened: at least once, under the same id at every attempt, until they accept it.
//!
//! Tenant by tenant, as the database says that something is due. Replicas share the work by taking deliveries for
//! a while: what a process took and did not come to say anything of, another one takes when that is over.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use chancery_credential::keys::{Shared, TenantKeys};
use chancery_credential::webhook::WebhookSecret;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::webhook::{GIVEN_UP_AFTER, KEPT_FOR, wait_after};
use chancery_domain::{EventId, Random, TenantId, WebhookId, random_bytes};
use chancery_store::{By, Chore, Delivery, Outcome, StoreError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use parking_lot::Mutex;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::egress::{Failed, Outbound, Reason};
use crate::issuer::Issuer;
use crate::tenants::LoadError;

/// What is due within this is taken already: then nobody wrote an event since that could be overlooked.
const AHEAD: Duration = Duration::seconds(2);
/// How many tenants are visited in a round.
const MOST_AT_ONCE: u32 = 200;
/// When a tenant is looked at again that is told nothing at present.
const SUSPENDED_FOR: Duration = Duration::hours(1);

/// The webhooks that this process is telling something.
#[derive(Debug, Default)]
pub(crate) struct Couriers(Mutex<HashSet<WebhookId>>);

impl Couriers {
    fn busy(&self) -> Vec<WebhookId> {
        self.0.lock().iter().copied().collect()
    }

    fn set_out(&self, webhook: WebhookId) {
        self.0.lock().insert(webhook);
    }

    fn return_from(&self, webhook: WebhookId) {
        self.0.lock().remove(&webhook);
    }
}

/// Sends couriers out for whatever is due. They are awaited by nobody, so a slow webhook delays no other.
pub(crate) async fn deliver_due(app: &Arc<App>, stopping: &CancellationToken) -> Result<(), StoreError> {
    let mut tx = app.store.platform(By::Job("look for what is to be delivered")).await?;
    let due = tx.due(Chore::Deliver, app.now() + AHEAD, MOST_AT_ONCE).await?;
    tx.commit().await?;
    for tenant in due {
        // One tenant's trouble is not the others'.
        if let Err(error) = deliver_for(app, tenant, stopping).await {
            tracing::warn!(%tenant, %error, "failed to deliver what is due");
        }
    }
    Ok(())
}

async fn deliver_for(
    app: &Arc<App>,
    tenant: TenantId,
    stopping: &CancellationToken,
) -> Result<(), LoadError> {
    let now = app.now();
    let issuer = app.tenants.by_id(tenant, None).await.map_err(LoadError::unusable)?;
    let is_there = issuer.is_some();
    let Some(issuer) = issuer.filter(|issuer| issuer.tenant.status.may_manage()) else {
        // It was deleted, and its own burial forgets what was to be told; or it is suspended.
        let again = is_there.then_some(now + SUSPENDED_FOR);
        let mut tx = app.store.tenant(tenant).await?;
        tx.due_again(Chore::Deliver, again).await?;
        return Ok(tx.commit().await?);
    };
    let forget_before = EventId::new(now - KEPT_FOR, [0; 10]);
    let mut tx = app.store.tenant(tenant).await?;
    let taken = tx.take_deliveries(now, now + AHEAD, &app.couriers.busy(), forget_before).await?;
    tx.commit().await?;
    let mut by_webhook: BTreeMap<WebhookId, Vec<Delivery>> = BTreeMap::new();
    for delivery in taken.unwrap_or_default().deliveries {
        by_webhook.entry(delivery.webhook).or_default().push(delivery);
    }
    for (webhook, deliveries) in by_webhook {
        app.couriers.set_out(webhook);
        let (app_of_courier, issuer, stopping) = (app.clone(), issuer.clone(), stopping.clone());
        app.tasks.spawn(async move {
            let app = app_of_courier;
            let told = tell_webhook(&app, &issuer, &deliveries, &stopping).await;
            app.couriers.return_from(webhook);
            let more = async {
                told?;
                let mut tx = app.tenant(&issuer).await?;
                tx.due_by(Chore::Deliver, app.now()).await?;
                tx.commit().await
            };
            if let Err(error) = more.await {
                tracing::warn!(%webhook, %error, "failed to note what a webhook answered, will tell it again");
            }
        });
    }
    Ok(())
}

/// Tells one webhook, one after another.
async fn tell_webhook(
    app: &App,
    issuer: &Issuer,
    deliveries: &[Delivery],
    stopping: &CancellationToken,
) -> Result<(), StoreError> {
    for delivery in deliveries {
        // What is left is taken by somebody else, or by this process once it runs again.
        if stopping.is_cancelled() {
            return Ok(());
        }
        let answered = send(app, issuer, delivery).await;
        let verdict = judge(delivery, answered, app.now(), app.random.as_ref());
        metrics::counter!("chancery_webhook_deliveries_total", "result" => verdict.word()).increment(1);
        note(app, issuer, delivery, &verdict).await?;
        if verdict.give_up.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

async fn send(app: &App, issuer: &Issuer, delivery: &Delivery) -> Result<StatusCode, Failed> {
    let body = json!({
        "type": delivery.kind,
        "timestamp": delivery.at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default(),
        "data": delivery.data,
    });
    let body = Bytes::from(body.to_string());
    let headers = headers(&issuer.keys, delivery, &body, app.now()).ok_or(Failed::Unreachable)?;
    let request = Outbound {
        reason: Reason::Webhook,
        tenant: issuer.tenant(),
        method: Method::POST,
        url: &delivery.url,
        headers,
        body,
        most: 0,
    };
    app.egress.send(request).await.map(|answer| answer.status)
}

/// The headers of Standard Webhooks. None if the secret does not open, which a later attempt may find mended.
fn headers(keys: &TenantKeys, delivery: &Delivery, body: &[u8], now: OffsetDateTime) -> Option<HeaderMap> {
    let (id, timestamp) = (delivery.event.to_string(), now.unix_timestamp());
    let former = delivery.secrets.former.as_ref().filter(|(_, until)| *until > now).map(|(sealed, _)| sealed);
    let mut signatures = Vec::new();
    for sealed in [&delivery.secrets.current].into_iter().chain(former) {
        let secret = keys.open_shared(Shared::Webhook, delivery.webhook.uuid().as_bytes(), sealed).ok()?;
        signatures.push(WebhookSecret::from_bytes(secret).sign(&id, timestamp, body));
    }
    let value = |text: String| HeaderValue::try_from(text).ok();
    Some(HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("webhook-id"), value(id)?),
        (HeaderName::from_static("webhook-timestamp"), value(timestamp.to_string())?),
        (HeaderName::from_static("webhook-signature"), value(signatures.join(" "))?),
    ]))
}

/// What an attempt means for the delivery, and for its webhook.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    outcome: Outcome,
    answer: String,
    /// Why the webhook is told nothing more.
    give_up: Option<&'static str>,
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::Accepted => "accepted",
            Outcome::Again(_) => "again",
            Outcome::Dead => "dead",
        }
    }
}

fn judge(
    delivery: &Delivery,
    answered: Result<StatusCode, Failed>,
    now: OffsetDateTime,
    random: &dyn Random,
) -> Verdict {
    let answer = match answered {
        Ok(status) => status.as_u16().to_string(),
        Err(failed) => failed.as_str().to_owned(),
    };
    let [chance] = random_bytes(random);
    let outcome = match answered {
        Ok(status) if status.is_success() => Outcome::Accepted,
        // Not its fault, and no attempt was made: at once again.
        Err(Failed::Crowded) => Outcome::Again(now + AHEAD),
        _ => wait_after(delivery.attempts, chance).map_or(Outcome::Dead, |wait| Outcome::Again(now + wait)),
    };
    let gone = matches!(answered, Ok(StatusCode::GONE));
    let failing = delivery.failing_since.is_some_and(|since| now - since >= GIVEN_UP_AFTER);
    let give_up = match outcome {
        Outcome::Accepted => None,
        _ if gone => Some("it answered 410 Gone"),
        _ if failing => Some("it accepted nothing for days"),
        _ => None,
    };
    Verdict { outcome, answer, give_up }
}

async fn note(app: &App, issuer: &Issuer, delivery: &Delivery, verdict: &Verdict) -> Result<(), StoreError> {
    let mut tx = app.tenant(issuer).await?;
    tx.note_attempt(delivery, verdict.outcome, &verdict.answer, app.now()).await?;
    let Some(because) = verdict.give_up else { return tx.commit().await };
    if tx.disable_webhook(delivery.webhook, because).await? {
        let told = Changed {
            before: json!({ "enabled": true }),
            after: json!({ "enabled": false, "because": because }),
        };
        tx.record(&app.entry(Author::HOST, Action::WebhookDisabled, delivery.webhook, &told)).await?;
        tx.announce_change().await?;
        tracing::warn!(tenant = %issuer.tenant(), webhook = %delivery.webhook, because, "a webhook is disabled");
    }
    tx.commit().await?;
    app.tenants.forget(issuer.tenant());
    Ok(())
}

#[cfg(test)]
mod tests {
    use chancery_credential::SystemRandom;
    use chancery_domain::webhook::MOST_ATTEMPTS;
    use chancery_store::SealedSecrets;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-21 10:20:30 UTC);

    fn delivery(attempts: u16, failing_for: Option<Duration>) -> Delivery {
        Delivery {
            webhook: WebhookId::new(NOW, [1; 10]),
            url: "https://hooks.example/".to_owned(),
            secrets: SealedSecrets { current: Vec::new(), former: None },
            event: EventId::new(NOW, [2; 10]),
            kind: "offer.created".to_owned(),
            at: NOW,
            data: json!({}),
            attempts,
            failing_since: failing_for.map(|time| NOW - time),
        }
    }

    fn verdict(delivery: &Delivery, answered: Result<u16, Failed>) -> Verdict {
        let answered = answered.map(|status| StatusCode::from_u16(status).unwrap());
        judge(delivery, answered, NOW, &SystemRandom)
    }

    #[test]
    fn only_success_is_acceptance() {
        let first = delivery(1, None);
        for status in [200, 202, 204, 299] {
            assert_eq!(verdict(&first, Ok(status)).outcome, Outcome::Accepted, "{status}");
        }
        for answer in [Ok(302), Ok(400), Ok(500), Err(Failed::TimedOut), Err(Failed::NoAddress)] {
            let verdict = verdict(&first, answer);
            assert!(matches!(verdict.outcome, Outcome::Again(_)) && verdict.give_up.is_none(), "{answer:?}");
        }
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        assert_eq!(verdict(&delivery(MOST_ATTEMPTS, None), Ok(500)).outcome, Outcome::Dead);
        let Outcome::Again(at) = verdict(&delivery(MOST_ATTEMPTS - 1, None), Ok(500)).outcome else {
            panic!("there is one more")
        };
        assert!(at > NOW + Duration::hours(9));
    }

    #[test]
    fn who_is_gone_or_silent_for_days_is_told_nothing_more() {
        assert!(verdict(&delivery(1, None), Ok(410)).give_up.is_some());
        assert!(verdict(&delivery(1, Some(Duration::days(5))), Ok(500)).give_up.is_some());
        assert!(verdict(&delivery(1, Some(Duration::days(4))), Ok(500)).give_up.is_none());
        assert!(verdict(&delivery(1, Some(Duration::days(9))), Ok(200)).give_up.is_none(), "it is back");
    }

    #[test]
    fn a_crowd_costs_no_attempt_its_wait() {
        let verdict = verdict(&delivery(9, None), Err(Failed::Crowded));
        assert_eq!(verdict.outcome, Outcome::Again(NOW + AHEAD));
    }
}
