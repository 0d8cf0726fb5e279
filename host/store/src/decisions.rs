//! Decisions of plugins, as far as it takes to make them again.

use chancery_domain::template::Revision;
use chancery_domain::{CredentialId, DecisionId, IssuanceId, TenantId};
use sqlx::{query, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::convert::digest;
use crate::{Asked, PlatformTx, StoreError, TenantTx};

/// The most decisions that a list shows.
const MOST_LISTED: i64 = 1_000;

/// The decision of a template that a credential came of.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuedDecision {
    /// The decision to sign.
    pub issuance: IssuanceId,
    /// The credential configuration id.
    pub configuration_id: String,
    /// What decided.
    pub revision: Revision,
    /// What it was asked; nothing of before that was noted.
    pub asked: Option<Asked>,
    /// When somebody completed what was deferred before.
    pub completed_at: Option<OffsetDateTime>,
}

/// What a template was asked, for a while.
#[derive(Debug, Clone)]
pub struct KeptInput {
    /// For which decision to sign.
    pub issuance: IssuanceId,
    /// Question and answer, sealed.
    pub sealed: Vec<u8>,
    /// When it is forgotten.
    pub expires_at: OffsetDateTime,
}

/// A decision of a policy or a licence plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginDecision {
    /// Names it.
    pub id: DecisionId,
    /// When it was made.
    pub decided_at: OffsetDateTime,
    /// Of which hook.
    pub hook: String,
    /// The slug of a registration, or the operation that was to be allowed.
    pub about: String,
    /// What decided.
    pub component: [u8; 32],
    /// What it was asked, and what that cost.
    pub asked: Asked,
    /// The answer in a word.
    pub answer: String,
    /// Question and answer, sealed.
    pub sealed: Vec<u8>,
}

struct Row {
    id: Uuid,
    decided_at: OffsetDateTime,
    hook: String,
    about: String,
    component: Vec<u8>,
    input_tag: Vec<u8>,
    fuel: i64,
    answer: String,
    sealed: Vec<u8>,
}

impl Row {
    fn decision(self) -> Result<PluginDecision, StoreError> {
        Ok(PluginDecision {
            id: DecisionId::from_uuid(self.id),
            decided_at: self.decided_at,
            hook: self.hook,
            about: self.about,
            component: digest(&self.component, "plugin_decisions", "component")?,
            asked: Asked {
                input_tag: digest(&self.input_tag, "plugin_decisions", "input_tag")?,
                fuel: self.fuel.unsigned_abs(),
            },
            answer: self.answer,
            sealed: self.sealed,
        })
    }
}

impl TenantTx {
    /// What the template decided on that a copy came of.
    pub async fn issued_decision(
        &mut self,
        copy: CredentialId,
    ) -> Result<Option<IssuedDecision>, StoreError> {
        let row = query!(
            "select i.id, i.configuration_id, i.component, i.configuration_hash, i.input_tag, i.fuel,
                 (select d.decided_at from deferrals d
                  where d.offer_id = i.offer_id and d.configuration_id = i.configuration_id and d.state = 'issued')
                 as completed_at
             from issuances i where i.id = (select issuance_id from credentials where id = $1)",
            copy.uuid(),
        )
        .fetch_optional(self.session.statement())
        .await;
        let Some(row) = self.session.settle(row)? else { return Ok(None) };
        let asked = row.input_tag.zip(row.fuel).map(|(tag, fuel)| {
            let input_tag = digest(&tag, "issuances", "input_tag")?;
            Ok::<_, StoreError>(Asked { input_tag, fuel: fuel.unsigned_abs() })
        });
        Ok(Some(IssuedDecision {
            issuance: IssuanceId::from_uuid(row.id),
            configuration_id: row.configuration_id,
            revision: Revision {
                component: digest(&row.component, "issuances", "component")?,
                configuration: digest(&row.configuration_hash, "issuances", "configuration_hash")?,
            },
            asked: asked.transpose()?,
            completed_at: row.completed_at,
        }))
    }

    /// Keeps what templates were asked.
    pub async fn keep_inputs(&mut self, inputs: &[KeptInput]) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = inputs.iter().map(|input| input.issuance.uuid()).collect();
        let sealed: Vec<Vec<u8>> = inputs.iter().map(|input| input.sealed.clone()).collect();
        let expiries: Vec<OffsetDateTime> = inputs.iter().map(|input| input.expires_at).collect();
        let done = query!(
            "insert into kept_inputs (issuance_id, sealed, expires_at)
             select * from unnest($1::uuid[], $2::bytea[], $3::timestamptz[])
             on conflict do nothing",
            &ids,
            &sealed,
            &expiries,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// What the template was asked for that issuance, sealed, if it is kept still.
    pub async fn kept_input(
        &mut self,
        issuance: IssuanceId,
        now: OffsetDateTime,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = query!(
            "select sealed from kept_inputs where issuance_id = $1 and expires_at > $2",
            issuance.uuid(),
            now,
        )
        .fetch_optional(self.session.statement())
        .await;
        Ok(self.session.settle(row)?.map(|row| row.sealed))
    }

    pub(crate) async fn forget_inputs(&mut self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let done = query!("delete from kept_inputs where expires_at <= $1", now)
            .execute(self.session.statement())
            .await;
        Ok(self.session.settle(done)?.rows_affected())
    }
}

impl PlatformTx {
    /// Keeps a decision, and forgets those of before `forget`.
    pub async fn keep_decision(
        &mut self,
        decision: &PluginDecision,
        forget: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let done = query!(
            "with forgotten as (delete from plugin_decisions where decided_at < $10)
             insert into plugin_decisions
                 (id, decided_at, hook, about, component, input_tag, fuel, answer, sealed)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            decision.id.uuid(),
            decision.decided_at,
            decision.hook,
            decision.about,
            decision.component.as_slice(),
            decision.asked.input_tag.as_slice(),
            i64::try_from(decision.asked.fuel).unwrap_or(i64::MAX),
            decision.answer,
            decision.sealed,
            forget,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// The latest decisions, or the one of that id.
    pub async fn decisions(&mut self, only: Option<DecisionId>) -> Result<Vec<PluginDecision>, StoreError> {
        let rows = query_as!(
            Row,
            "select id, decided_at, hook, about, component, input_tag, fuel, answer, sealed
             from plugin_decisions where $1::uuid is null or id = $1
             order by decided_at desc, id desc limit $2",
            only.map(DecisionId::uuid),
            MOST_LISTED,
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)?.into_iter().map(Row::decision).collect()
    }

    /// Forgets what was decided on the registration of a tenant that is gone.
    pub(crate) async fn forget_decisions_on(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        let done = query!(
            "delete from plugin_decisions
             where hook = 'onboarding-policy' and about = (select slug from tenants where id = $1)",
            tenant.uuid(),
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }
}
