//! Webhooks of a tenant, and what they were told.

use chancery_domain::webhook::{DeliveryState, MOST_WEBHOOKS};
use chancery_domain::{EventId, EventType, WebhookId};
use serde_json::Value;
use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::convert::unsigned;
use crate::{Page, StoreError, TenantTx};

/// What a webhook is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookTerms {
    /// Where it is.
    pub url: String,
    /// What people call it.
    pub description: String,
    /// What it is told of; none: everything.
    pub event_types: Option<Vec<EventType>>,
    /// Whether it is told anything.
    pub enabled: bool,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Names it.
    pub id: WebhookId,
    /// What it is to be.
    pub terms: WebhookTerms,
    /// Why the host disabled it.
    pub disabled_because: Option<String>,
    /// Since when it accepted nothing.
    pub failing_since: Option<OffsetDateTime>,
    /// Counts the changes of its terms and secrets.
    pub version: u32,
}

/// What signs, as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecrets {
    /// The secret.
    pub current: Vec<u8>,
    /// The one before, and until when it signs besides.
    pub former: Option<(Vec<u8>, OffsetDateTime)>,
}

impl std::fmt::Debug for SealedSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedSecrets(..)")
    }
}

/// A delivery as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PastDelivery {
    /// Of which event.
    pub event: EventId,
    /// Of which type it is.
    pub kind: String,
    /// When it happened.
    pub at: OffsetDateTime,
    /// What is told.
    pub data: Value,
    /// How far it has come.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u16,
    /// When it is tried next, if it is.
    pub next_at: OffsetDateTime,
    /// When the last attempt ended.
    pub answered_at: Option<OffsetDateTime>,
    /// How: a status, or a word.
    pub answer: Option<String>,
}

struct Row {
    id: Uuid,
    url: String,
    description: String,
    event_types: Option<Vec<String>>,
    state: String,
    disabled_because: Option<String>,
    failing_since: Option<OffsetDateTime>,
    version: i32,
}

impl Row {
    fn webhook(self) -> Result<Webhook, StoreError> {
        Ok(Webhook {
            id: WebhookId::from_uuid(self.id),
            terms: WebhookTerms {
                url: self.url,
                description: self.description,
                event_types: self.event_types.as_deref().map(kinds).transpose()?,
                enabled: self.state == ENABLED,
            },
            disabled_because: self.disabled_because,
            failing_since: self.failing_since,
            version: unsigned(self.version, "webhooks", "version")?,
        })
    }
}

const ENABLED: &str = "enabled";

fn kinds(words: &[String]) -> Result<Vec<EventType>, StoreError> {
    let kinds = words.iter().map(|word| EventType::parse(word)).collect::<Option<_>>();
    kinds.ok_or_else(|| StoreError::corrupt("webhooks", "event_types"))
}

fn words(terms: &WebhookTerms) -> Option<Vec<String>> {
    let kinds = terms.event_types.as_ref()?;
    Some(kinds.iter().map(|kind| kind.as_str().to_owned()).collect())
}

fn state(terms: &WebhookTerms) -> &'static str {
    if terms.enabled { ENABLED } else { "disabled" }
}

impl TenantTx {
    /// Adds a webhook. `false` if there are as many as a tenant may have.
    pub async fn create_webhook(
        &mut self,
        id: WebhookId,
        terms: &WebhookTerms,
        sealed_secret: &[u8],
    ) -> Result<bool, StoreError> {
        let kinds = words(terms);
        let done = query!(
            "insert into webhooks (id, url, description, event_types, state, sealed_secret)
             select $1, $2, $3, $4, $5, $6 where (select count(*) from webhooks) < $7",
            id.uuid(),
            terms.url,
            terms.description,
            kinds.as_deref(),
            state(terms),
            sealed_secret,
            i64::from(MOST_WEBHOOKS),
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Every webhook, the newest first.
    pub async fn webhooks(&mut self) -> Result<Vec<Webhook>, StoreError> {
        let rows = query_as!(
            Row,
            "select id, url, description, event_types, state, disabled_because, failing_since, version
             from webhooks order by id desc"
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)?.into_iter().map(Row::webhook).collect()
    }

    /// The webhook of that id.
    pub async fn webhook(&mut self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let row = query_as!(
            Row,
            "select id, url, description, event_types, state, disabled_because, failing_since, version
             from webhooks where id = $1",
            id.uuid()
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::webhook).transpose()
    }

    /// The same, which nobody else changes before this transaction ends.
    pub async fn webhook_to_change(&mut self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let row = query_as!(
            Row,
            "select id, url, description, event_types, state, disabled_because, failing_since, version
             from webhooks where id = $1 for update",
            id.uuid()
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::webhook).transpose()
    }

    /// What any webhook wants to be told of; to be remembered, so that nothing is asked where nobody listens.
    pub async fn listened(&mut self) -> Result<Vec<EventType>, StoreError> {
        let rows = query_scalar!("select event_types from webhooks where state = 'enabled'")
            .fetch_all(self.session.statement())
            .await;
        let mut listened = Vec::new();
        for words in self.session.settle(rows)? {
            listened.extend(match words {
                Some(words) => kinds(&words)?,
                None => EventType::ALL.to_vec(),
            });
        }
        listened.sort_unstable();
        listened.dedup();
        Ok(listened)
    }

    /// Writes what a webhook is to be, and gives its new version. What the host found of it before is over.
    pub async fn change_webhook(&mut self, id: WebhookId, terms: &WebhookTerms) -> Result<u32, StoreError> {
        let kinds = words(terms);
        let version = query_scalar!(
            "update webhooks
             set url = $2, description = $3, event_types = $4, state = $5, version = version + 1,
                 disabled_because = null, failing_since = null
             where id = $1 returning version",
            id.uuid(),
            terms.url,
            terms.description,
            kinds.as_deref(),
            state(terms),
        )
        .fetch_one(self.session.statement())
        .await;
        unsigned(self.session.settle(version)?, "webhooks", "version")
    }

    /// Gives a webhook another secret; the present one signs besides until then.
    pub async fn rotate_webhook_secret(
        &mut self,
        id: WebhookId,
        sealed_secret: &[u8],
        former_until: Option<OffsetDateTime>,
    ) -> Result<u32, StoreError> {
        let version = query_scalar!(
            "update webhooks
             set sealed_secret = $2, former_until = $3, version = version + 1,
                 sealed_former_secret = case when $3::timestamptz is null then null else sealed_secret end
             where id = $1 returning version",
            id.uuid(),
            sealed_secret,
            former_until,
        )
        .fetch_one(self.session.statement())
        .await;
        unsigned(self.session.settle(version)?, "webhooks", "version")
    }

    /// The sealed secrets of every webhook, to be sealed anew.
    pub async fn webhook_secrets(&mut self) -> Result<Vec<(WebhookId, SealedSecrets)>, StoreError> {
        let rows = query!("select id, sealed_secret, sealed_former_secret, former_until from webhooks")
            .fetch_all(self.session.statement())
            .await;
        let secrets = self.session.settle(rows)?.into_iter().map(|row| {
            let former = row.sealed_former_secret.zip(row.former_until);
            (WebhookId::from_uuid(row.id), SealedSecrets { current: row.sealed_secret, former })
        });
        Ok(secrets.collect())
    }

    /// Keeps them as they were sealed anew.
    pub async fn keep_webhook_secrets(
        &mut self,
        id: WebhookId,
        sealed: &SealedSecrets,
    ) -> Result<(), StoreError> {
        let (former, until) = sealed.former.clone().unzip();
        let done = query!(
            "update webhooks set sealed_secret = $2, sealed_former_secret = $3, former_until = $4 where id = $1",
            id.uuid(),
            sealed.current,
            former,
            until,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Tells a webhook nothing more, of the host's own accord. `false` if it was not told anything before.
    pub async fn disable_webhook(&mut self, id: WebhookId, because: &str) -> Result<bool, StoreError> {
        let done = query!(
            "update webhooks set state = 'disabled', disabled_because = $2, version = version + 1
             where id = $1 and state = 'enabled'",
            id.uuid(),
            because,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Removes a webhook, with everything that it was told or was to be.
    pub async fn delete_webhook(&mut self, id: WebhookId) -> Result<bool, StoreError> {
        let done = query!("delete from webhook_deliveries where webhook_id = $1", id.uuid())
            .execute(self.session.statement())
            .await;
        self.session.settle(done)?;
        let done =
            query!("delete from webhooks where id = $1", id.uuid()).execute(self.session.statement()).await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// A page of a webhook's deliveries, of one state or of any, and where the next one begins.
    pub async fn deliveries(
        &mut self,
        webhook: WebhookId,
        only: Option<DeliveryState>,
        page: &Page<EventId>,
    ) -> Result<(Vec<PastDelivery>, Option<EventId>), StoreError> {
        let rows = query!(
            r#"select event_id, event_type, at, data as "data: Value", state, attempts, next_at, answered_at, answer
               from webhook_deliveries
               where webhook_id = $1 and event_id < $2 and ($3::text is null or state = $3)
               order by event_id desc limit $4"#,
            webhook.uuid(),
            page.older_than(EventId::uuid),
            only.map(DeliveryState::as_str),
            page.rows_to_read(),
        )
        .fetch_all(self.session.statement())
        .await;
        let corrupt = |column| StoreError::corrupt("webhook_deliveries", column);
        let rows = self.session.settle(rows)?.into_iter().map(|row| {
            Ok(PastDelivery {
                event: EventId::from_uuid(row.event_id),
                kind: row.event_type,
                at: row.at,
                data: row.data,
                state: DeliveryState::parse(&row.state).ok_or_else(|| corrupt("state"))?,
                attempts: u16::try_from(row.attempts).map_err(|_| corrupt("attempts"))?,
                next_at: row.next_at,
                answered_at: row.answered_at,
                answer: row.answer,
            })
        });
        let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
        Ok(page.split(rows, |delivery| delivery.event))
    }
}
