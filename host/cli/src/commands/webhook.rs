//! `chancery webhook …`, by way of the management API.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{listing, show};
use crate::arguments::{OneWebhook, Output, WebhookCommand};
use crate::failure::Failure;
use crate::management::{Management, Reply};
use crate::output;

/// For how long a test is watched, and how often.
const WATCHED_FOR: u32 = 30;
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn obey(command: WebhookCommand, form: Output) -> Result<(), Failure> {
    use WebhookCommand as W;
    match command {
        W::Create { to, events, description, target } => {
            let events = (!events.is_empty()).then_some(events);
            let request = json!({ "url": to, "event_types": events, "description": description });
            let reply = Management::find(&target)?.post(&["webhooks"], Some(&request)).await?;
            with_secret(&reply, form)
        }
        W::List { target } => {
            let reply = Management::find(&target)?.get(&["webhooks"], &[]).await?;
            let columns = ["id", "url", "event_types", "enabled", "disabled_because", "failing_since"];
            listing::show(&reply, &columns, form)
        }
        W::Show(OneWebhook { id, target }) => {
            show(&Management::find(&target)?.get(&["webhooks", &id], &[]).await?, form)
        }
        W::Update {
            webhook: OneWebhook { id, target },
            to,
            events,
            all_events,
            description,
            enable,
            disable,
        } => {
            let mut patch = Map::new();
            let mut change =
                |name: &str, value: Option<Value>| value.map(|value| patch.insert(name.to_owned(), value));
            change("url", to.map(Value::from));
            change("description", description.map(Value::from));
            let named = (!events.is_empty()).then(|| json!(events));
            change("event_types", if all_events { Some(Value::Null) } else { named });
            change("enabled", (enable || disable).then_some(Value::Bool(enable)));
            show(&Management::find(&target)?.patch(&["webhooks", &id], &Value::Object(patch)).await?, form)
        }
        W::Delete(OneWebhook { id, target }) => {
            show(&Management::find(&target)?.delete(&["webhooks", &id], &[]).await?, form)
        }
        W::Rotate { webhook: OneWebhook { id, target }, overlap } => {
            let request = json!({ "overlap_seconds": overlap });
            let path = ["webhooks", &id, "rotate-secret"];
            with_secret(&Management::find(&target)?.post(&path, Some(&request)).await?, form)
        }
        W::Test(OneWebhook { id, target }) => test(&Management::find(&target)?, &id, form).await,
        W::Deliveries { webhook: OneWebhook { id, target }, state, part } => {
            let mut query = listing::query(&part);
            query.extend(state.map(|state| ("state", state)));
            let reply = Management::find(&target)?.get(&["webhooks", &id, "deliveries"], &query).await?;
            let columns =
                ["event_id", "type", "timestamp", "state", "attempts", "last_answer", "next_attempt_at"];
            listing::show(&reply, &columns, form)
        }
        W::Replay { webhook: OneWebhook { id, target }, event, .. } => {
            let api = Management::find(&target)?;
            let reply = match &event {
                Some(event) => api.post(&["webhooks", &id, "deliveries", event, "replay"], None).await?,
                None => api.post(&["webhooks", &id, "replay-dead"], None).await?,
            };
            show(&reply, form)
        }
    }
}

fn with_secret(reply: &Reply, form: Output) -> Result<(), Failure> {
    show(reply, form)?;
    if form == Output::Text {
        output::talk("\nKeep the secret now; it is not shown again.");
    }
    Ok(())
}

/// Sends a test and waits until it was tried.
async fn test(api: &Management, id: &str, form: Output) -> Result<(), Failure> {
    let sent = api.post(&["webhooks", id, "test"], None).await?;
    let event = sent.value.get("event_id").cloned().unwrap_or_default();
    for _ in 0..WATCHED_FOR {
        tokio::time::sleep(LOOK_EVERY).await;
        let reply = api.get(&["webhooks", id, "deliveries"], &[]).await?;
        let known = reply.value.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
        let tried = known.into_iter().find(|delivery| {
            delivery.get("event_id") == Some(&event) && delivery.get("last_answer").is_some()
        });
        if let Some(delivery) = tried {
            return show(&Reply { text: delivery.to_string(), value: delivery }, form);
        }
    }
    show(&sent, form)?;
    output::talk("it was not tried yet; `chancery webhook deliveries` shows what becomes of it");
    Ok(())
}
