//! Which template, in which configuration, a tenant issues from: what it activated itself and, under every other
//! configuration id, what the deployment activated for all.

use chancery_domain::plugin::{Part, Whose};
use chancery_domain::template::Revision;
use serde_json::Value;
use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;

use crate::convert::digest;
use crate::{PlatformTx, StoreError, TenantTx};

/// A template revision under the name that wallets ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Activation {
    /// The credential configuration id.
    pub configuration_id: String,
    /// SHA-256 of the component.
    pub component: [u8; 32],
    /// The configuration of it.
    pub configuration: Value,
    /// SHA-256 of the configuration, as serialised JSON.
    pub configuration_hash: [u8; 32],
}

impl Activation {
    /// Which component, under which configuration.
    pub fn revision(&self) -> Revision {
        Revision { component: self.component, configuration: self.configuration_hash }
    }
}

/// An activation that is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce {
    /// What was activated.
    pub activation: Activation,
    /// The part that it plays; none if it was switched off.
    pub part: Option<Part>,
    /// Who decided so.
    pub whose: Whose,
    /// Since when.
    pub since: OffsetDateTime,
}

struct Row {
    configuration_id: String,
    component: Vec<u8>,
    configuration: Value,
    configuration_hash: Vec<u8>,
    state: String,
    share: Option<i16>,
    activated_at: OffsetDateTime,
    own: bool,
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

    fn in_force(self) -> Result<InForce, StoreError> {
        let share = self.share.and_then(|share| u8::try_from(share).ok());
        let part = match self.state.as_str() {
            "off" => None,
            word => {
                Some(Part::parse(word, share).ok_or_else(|| StoreError::corrupt("activations", "state"))?)
            }
        };
        let whose = if self.own { Whose::Tenant } else { Whose::Deployment };
        Ok(InForce { part, whose, since: self.activated_at, activation: self.activation()? })
    }
}

/// The same life, whether a tenant decides for itself or the deployment for all.
macro_rules! life {
    ($scope:ty, $table:tt, $key:tt) => {
        impl $scope {
            /// Makes the revision play that part under its configuration id. As the active one it takes the place
            /// of the one before, which stays readable for the offers that pin it, and ends every trial.
            pub async fn activate(
                &mut self,
                activation: &Activation,
                part: Part,
                now: OffsetDateTime,
            ) -> Result<(), StoreError> {
                self.hold_activations(&activation.configuration_id).await?;
                let replaces = match part {
                    Part::Active => self.replaced_by(activation).await?,
                    Part::Canary { .. } | Part::Shadow => None,
                };
                // Two statements, because the index allows one of each part at any instant.
                let done = query!(
                    "update " + $table + " set state = 'superseded', share = null
                     where configuration_id = $1 and state <> 'superseded' and ($2 = 'active' or state = $2)",
                    activation.configuration_id,
                    part.as_str(),
                )
                .execute(self.session.statement())
                .await;
                self.session.settle(done)?;
                self.write(activation, part.as_str(), part.share(), replaces, now).await
            }

            /// Ends the activation and every trial: nothing new is offered under that id. It is over the
            /// deployment's choice, too.
            pub async fn deactivate(&mut self, activation: &Activation, now: OffsetDateTime) -> Result<(), StoreError> {
                self.hold_activations(&activation.configuration_id).await?;
                self.supersede(&activation.configuration_id, None).await?;
                self.write(activation, "off", None, None, now).await
            }

            /// What the activation takes the place of: what is active, unless it is the same.
            async fn replaced_by(&mut self, activation: &Activation) -> Result<Option<Revision>, StoreError> {
                let history = self.past_of(&activation.configuration_id).await?;
                let Some(active) = history.iter().find(|one| one.state == "active") else { return Ok(None) };
                let is_same = active.activation.revision() == activation.revision();
                Ok(if is_same { active.replaces } else { Some(active.activation.revision()) })
            }

            async fn write(
                &mut self,
                activation: &Activation,
                state: &str,
                share: Option<u8>,
                replaces: Option<Revision>,
                now: OffsetDateTime,
            ) -> Result<(), StoreError> {
                let done = query!(
                    "insert into " + $table + " (configuration_id, component, configuration_hash, configuration,
                         state, share, activated_at, replaces_component, replaces_configuration_hash)
                     values ($1, $2, $3, $4::text::json, $5, $6, $7, $8, $9)
                     on conflict " + $key + "
                     do update set state = excluded.state, share = excluded.share,
                         activated_at = excluded.activated_at, replaces_component = excluded.replaces_component,
                         replaces_configuration_hash = excluded.replaces_configuration_hash",
                    activation.configuration_id,
                    activation.component.as_slice(),
                    activation.configuration_hash.as_slice(),
                    // As text: the driver would take a value through jsonb, which keeps neither order nor spelling.
                    activation.configuration.to_string(),
                    state,
                    share.map(i16::from),
                    now,
                    replaces.as_ref().map(|revision| revision.component.as_slice()),
                    replaces.as_ref().map(|revision| revision.configuration.as_slice()),
                )
                .execute(self.session.statement())
                .await;
                self.session.settle(done).map(drop)
            }
        }
    };
}

life!(TenantTx, "activations", "(tenant_id, configuration_id, component, configuration_hash)");
life!(PlatformTx, "default_activations", "(configuration_id, component, configuration_hash)");

impl TenantTx {
    /// What was switched off, and by that stayed what its configuration id issued last.
    pub async fn switched_off(&mut self) -> Result<Vec<Activation>, StoreError> {
        let rows = query_as!(
            Row,
            r#"select a.configuration_id as "configuration_id!", a.component as "component!",
                   a.configuration as "configuration!", a.configuration_hash as "configuration_hash!",
                   a.state as "state!", a.share, a.activated_at as "activated_at!",
                   a.own as "own!"
               from (
                   select configuration_id, component, configuration, configuration_hash, state, share,
                       activated_at, true as own
                   from activations where state = 'off'
                   union all
                   select configuration_id, component, configuration, configuration_hash, state, share,
                       activated_at, false
                   from default_activations where state = 'off'
               ) a
               where exists (select from plugin_components c where c.digest = a.component and c.status = 'available')
               order by a.configuration_id, a.own desc"#
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)?.into_iter().map(Row::activation).collect()
    }

    /// What is in force for the tenant, its own decisions before the deployment's. Quarantined plugins are left
    /// out, and what the deployment activated under an id that the tenant decided about itself.
    pub async fn activations(&mut self) -> Result<Vec<InForce>, StoreError> {
        let rows = query_as!(
            Row,
            r#"select a.configuration_id as "configuration_id!", a.component as "component!",
                   a.configuration as "configuration!", a.configuration_hash as "configuration_hash!",
                   a.state as "state!", a.share, a.activated_at as "activated_at!",
                   a.own as "own!"
               from (
                   select configuration_id, component, configuration, configuration_hash, state, share,
                       activated_at, true as own
                   from activations where state in ('active', 'canary', 'shadow')
                   union all
                   select configuration_id, component, configuration, configuration_hash, state, share,
                       activated_at, false
                   from default_activations d where state in ('active', 'canary', 'shadow') and not exists (
                       select from activations a
                       where a.configuration_id = d.configuration_id and a.state in ('active', 'off')
                   )
               ) a
               where exists (select from plugin_components c where c.digest = a.component and c.status = 'available')
               order by a.configuration_id, a.own desc"#
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)?.into_iter().map(Row::in_force).collect()
    }

    /// A revision that is or was active, as an offer pins it.
    pub async fn activation(
        &mut self,
        configuration_id: &str,
        revision: &Revision,
    ) -> Result<Option<Activation>, StoreError> {
        let row = query_as!(
            Row,
            r#"select configuration_id as "configuration_id!", component as "component!",
                   configuration as "configuration!", configuration_hash as "configuration_hash!",
                   state as "state!", share, activated_at as "activated_at!",
                   own as "own!"
               from (
                   select configuration_id, component, configuration, configuration_hash, state, share,
                       activated_at, true as own
                   from activations
                   where configuration_id = $1 and component = $2 and configuration_hash = $3
                   union all
                   select configuration_id, component, configuration, configuration_hash, state, share,
                       activated_at, false
                   from default_activations
                   where configuration_id = $1 and component = $2 and configuration_hash = $3
               ) a
               limit 1"#,
            configuration_id,
            revision.component.as_slice(),
            revision.configuration.as_slice(),
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::activation).transpose()
    }

    /// Whether the deployment has anything active for all under that id that may be used.
    pub async fn has_default(&mut self, configuration_id: &str) -> Result<bool, StoreError> {
        let has = query_scalar!(
            r#"select exists (
                   select from default_activations d join plugin_components c on c.digest = d.component
                   where d.configuration_id = $1 and d.state = 'active' and c.status = 'available'
               ) as "has!""#,
            configuration_id,
        )
        .fetch_one(self.session.statement())
        .await;
        self.session.settle(has)
    }
}

impl PlatformTx {
    /// What is in force for every tenant that decides nothing else, and what is switched off.
    pub async fn activations(&mut self) -> Result<Vec<InForce>, StoreError> {
        let rows = query_as!(
            Row,
            r#"select configuration_id, component, configuration, configuration_hash, state, share,
                   activated_at, false as "own!"
               from default_activations where state <> 'superseded' order by configuration_id, state"#
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)?.into_iter().map(Row::in_force).collect()
    }

    /// Whether the revision is or ever was active for all.
    pub async fn was_activated(&mut self, activation: &Activation) -> Result<bool, StoreError> {
        let was = query_scalar!(
            r#"select exists (
                   select from default_activations
                   where configuration_id = $1 and component = $2 and configuration_hash = $3
               ) as "was!""#,
            activation.configuration_id,
            activation.component.as_slice(),
            activation.configuration_hash.as_slice(),
        )
        .fetch_one(self.session.statement())
        .await;
        self.session.settle(was)
    }
}
