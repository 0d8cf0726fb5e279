//! What credentials that are out rely on: every revision that ever answered under a configuration id, and what it
//! described then.

use chancery_domain::template::Revision;
use serde_json::Value;
use sqlx::{query, query_as};

use crate::convert::digest;
use crate::{Activation, PlatformTx, StoreError, TenantTx};

/// A revision that credentials may be out of.
#[derive(Debug, Clone, PartialEq)]
pub struct Relied {
    /// The revision.
    pub activation: Activation,
    /// What its author calls the plugin.
    pub plugin: String,
    /// What it described; none where that was not kept yet.
    pub definition: Option<Value>,
    /// When it answered.
    pub when: When,
}

/// When a revision answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It does.
    Now,
    /// Until the type was deactivated.
    Last,
    /// Before the one that answers now, or beside it.
    Earlier,
}

struct Row {
    component: Vec<u8>,
    configuration: Value,
    configuration_hash: Vec<u8>,
    state: String,
    definition: Option<Value>,
    plugin: String,
}

/// Of the rows that decide, the first: a tenant's own come before the deployment's.
fn read(configuration_id: &str, rows: Vec<Row>) -> Result<Vec<Relied>, StoreError> {
    let mut decided = false;
    let mut relied = Vec::<Relied>::with_capacity(rows.len());
    for row in rows {
        let when = match row.state.as_str() {
            "active" if !decided => When::Now,
            "off" if !decided => When::Last,
            _ => When::Earlier,
        };
        decided |= when != When::Earlier;
        let activation = Activation {
            configuration_id: configuration_id.to_owned(),
            component: digest(&row.component, "activations", "component")?,
            configuration: row.configuration,
            configuration_hash: digest(&row.configuration_hash, "activations", "configuration_hash")?,
        };
        // The deployment's revision that a tenant switched off, or took over, is in both tables.
        let same = relied.iter_mut().find(|one| one.activation.revision() == activation.revision());
        match same {
            Some(same) => {
                same.definition = same.definition.take().or(row.definition);
                same.when = if when == When::Earlier { same.when } else { when };
            }
            None => {
                relied.push(Relied { activation, plugin: row.plugin, definition: row.definition, when });
            }
        }
    }
    relied.retain(|one| one.definition.is_some() || one.when != When::Earlier);
    Ok(relied)
}

impl TenantTx {
    /// What credentials of that configuration id rely on, the tenant's own decisions before the deployment's. Nobody
    /// changes what is active under it until the transaction ends.
    pub async fn relied_on(&mut self, configuration_id: &str) -> Result<Vec<Relied>, StoreError> {
        self.hold_activations(configuration_id).await?;
        let rows = query_as!(
            Row,
            r#"select a.component as "component!", a.configuration as "configuration!",
                   a.configuration_hash as "configuration_hash!", a.state as "state!", a.definition,
                   c.name as "plugin!"
               from (
                   select component, configuration, configuration_hash, state, definition, activated_at, true as own
                   from activations where configuration_id = $1
                   union all
                   select component, configuration, configuration_hash, state, definition, activated_at, false
                   from default_activations where configuration_id = $1
               ) a
               join plugin_components c on c.digest = a.component
               where a.definition is not null or a.state in ('active', 'off')
               order by a.own desc, a.activated_at desc, a.component, a.configuration_hash"#,
            configuration_id,
        )
        .fetch_all(self.session.statement())
        .await;
        read(configuration_id, self.session.settle(rows)?)
    }

    /// Keeps what the revision describes: it answers from now on.
    pub async fn note_definition(
        &mut self,
        configuration_id: &str,
        revision: &Revision,
        definition: &Value,
    ) -> Result<(), StoreError> {
        let done = query!(
            "update activations set definition = $4::text::json
             where configuration_id = $1 and component = $2 and configuration_hash = $3",
            configuration_id,
            revision.component.as_slice(),
            revision.configuration.as_slice(),
            definition.to_string(),
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Whoever else changes what is active under that id waits until the transaction ends, also where there is no row
    /// yet that could be locked.
    pub async fn hold_activations(&mut self, configuration_id: &str) -> Result<(), StoreError> {
        let done = query!(
            "select pg_advisory_xact_lock(hashtextextended($1, 0))",
            format!("activations/{}/{configuration_id}", self.tenant.uuid()),
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }
}

impl PlatformTx {
    /// What credentials of that configuration id rely on, as far as the deployment decided. Nobody changes what is
    /// active under it until the transaction ends.
    pub async fn relied_on(&mut self, configuration_id: &str) -> Result<Vec<Relied>, StoreError> {
        self.hold_activations(configuration_id).await?;
        let rows = query_as!(
            Row,
            r#"select a.component, a.configuration, a.configuration_hash, a.state, a.definition,
                   c.name as plugin
               from default_activations a join plugin_components c on c.digest = a.component
               where a.configuration_id = $1 and (a.definition is not null or a.state in ('active', 'off'))
               order by a.activated_at desc, a.component, a.configuration_hash"#,
            configuration_id,
        )
        .fetch_all(self.session.statement())
        .await;
        read(configuration_id, self.session.settle(rows)?)
    }

    /// Keeps what the revision describes: it answers from now on.
    pub async fn note_definition(
        &mut self,
        configuration_id: &str,
        revision: &Revision,
        definition: &Value,
    ) -> Result<(), StoreError> {
        let done = query!(
            "update default_activations set definition = $4::text::json
             where configuration_id = $1 and component = $2 and configuration_hash = $3",
            configuration_id,
            revision.component.as_slice(),
            revision.configuration.as_slice(),
            definition.to_string(),
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Whoever else changes what is active for all under that id waits until the transaction ends.
    pub async fn hold_activations(&mut self, configuration_id: &str) -> Result<(), StoreError> {
        let done = query!(
            "select pg_advisory_xact_lock(hashtextextended($1, 0))",
            format!("activations/all/{configuration_id}"),
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }
}
