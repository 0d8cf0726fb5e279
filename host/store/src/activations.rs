//! Which template, in which configuration, a tenant issues from.

use chancery_domain::template::Revision;
use serde_json::Value;
use sqlx::{query, query_as};

use crate::convert::digest;
use crate::{StoreError, TenantTx};

/// A template revision under the name that wallets ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Activation {
    /// The credential configuration id.
    pub configuration_id: String,
    /// SHA-256 of the component.
    pub component: [u8; 32],
    /// The tenant's configuration of it.
    pub configuration: Value,
    /// SHA-256 of the configuration, as serialised JSON.
    pub configuration_hash: [u8; 32],
}

struct Row {
    configuration_id: String,
    component: Vec<u8>,
    configuration: Value,
    configuration_hash: Vec<u8>,
}

impl Row {
    fn activation(self) -> Result<Activation, StoreError> {
        Ok(Activation {
            configuration_id: self.configuration_id,
            component: digest(&self.component, "activations", "component")?,
            configuration: self.configuration,
            configuration_hash: digest(&self.configuration_hash, "activations", "configuration_hash")?,
        })
    }
}

impl TenantTx {
    /// What is active, by configuration id.
    pub async fn activations(&mut self) -> Result<Vec<Activation>, StoreError> {
        let rows = query_as!(
            Row,
            "select configuration_id, component, configuration, configuration_hash
             from activations where active order by configuration_id"
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)?.into_iter().map(Row::activation).collect()
    }

    /// A revision that is or was active, as an offer pins it.
    pub async fn activation(
        &mut self,
        configuration_id: &str,
        revision: &Revision,
    ) -> Result<Option<Activation>, StoreError> {
        let row = query_as!(
            Row,
            "select configuration_id, component, configuration, configuration_hash
             from activations
             where configuration_id = $1 and component = $2 and configuration_hash = $3",
            configuration_id,
            revision.component.as_slice(),
            revision.configuration.as_slice(),
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::activation).transpose()
    }

    /// Makes the revision the active one of its configuration id. What was active stays readable for the
    /// offers that pin it; to go back is to activate the earlier revision again.
    pub async fn activate(&mut self, activation: &Activation) -> Result<(), StoreError> {
        // Two statements, because the index allows one active revision at any instant.
        let done = query!(
            "update activations set active = false where configuration_id = $1 and active",
            activation.configuration_id,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        let done = query!(
            "insert into activations (configuration_id, component, configuration_hash, configuration, active)
             values ($1, $2, $3, $4::text::json, true)
             on conflict (tenant_id, configuration_id, component, configuration_hash)
             do update set active = true",
            activation.configuration_id,
            activation.component.as_slice(),
            activation.configuration_hash.as_slice(),
            // As text: the driver would take a value through jsonb, which keeps neither order nor spelling.
            activation.configuration.to_string(),
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Ends the activation; nothing new is offered under that id. `false` if none was active.
    pub async fn deactivate(&mut self, configuration_id: &str) -> Result<bool, StoreError> {
        let done = query!(
            "update activations set active = false where configuration_id = $1 and active",
            configuration_id,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }
}
