//! The way back: the last step under a configuration id is undone, by people or because it fails.

use chancery_domain::template::Revision;
use serde_json::Value;
use sqlx::{query, query_as};
use time::OffsetDateTime;

use crate::convert::digest;
use crate::{Activation, PlatformTx, StoreError, TenantTx};

/// What a roll-back led to.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, and it is matched at once")]
pub enum RolledBack {
    /// Trials are over, the active revision stays.
    Trials(Vec<Activation>),
    /// An earlier revision is active again.
    To {
        /// What was.
        from: Activation,
        /// The trials that ended with it.
        ended: Vec<Activation>,
        /// What is; none if it is what the deployment activated for all.
        to: Option<Activation>,
    },
    /// There is nothing to go back to.
    Nothing,
    /// What was to be undone was undone already.
    Done,
}

/// Which step is undone, and where that may not lead.
#[derive(Debug, Clone, Copy, Default)]
pub struct Back<'a> {
    /// Only the step that brought this revision; the last one if absent.
    pub only: Option<Revision>,
    /// Components that may not come back. What is quarantined never does.
    pub shunned: &'a [[u8; 32]],
    /// Whether the deployment has something active for all, which a tenant has that decides nothing.
    pub falls_back: bool,
}

/// A revision that is or was in force.
pub(crate) struct Past {
    pub(crate) activation: Activation,
    pub(crate) state: String,
    /// What it took the place of.
    pub(crate) replaces: Option<Revision>,
    /// Whether nobody quarantined its component.
    is_available: bool,
}

struct Row {
    component: Vec<u8>,
    configuration: Value,
    configuration_hash: Vec<u8>,
    state: String,
    replaces_component: Option<Vec<u8>>,
    replaces_configuration_hash: Option<Vec<u8>>,
    is_available: bool,
}

impl Row {
    fn past(self, configuration_id: &str) -> Result<Past, StoreError> {
        let replaced = self.replaces_component.zip(self.replaces_configuration_hash);
        let replaces = replaced.map(|(component, configuration)| {
            Ok::<_, StoreError>(Revision {
                component: digest(&component, "activations", "replaces_component")?,
                configuration: digest(&configuration, "activations", "replaces_configuration_hash")?,
            })
        });
        let activation = Activation {
            configuration_id: configuration_id.to_owned(),
            component: digest(&self.component, "activations", "component")?,
            configuration: self.configuration,
            configuration_hash: digest(&self.configuration_hash, "activations", "configuration_hash")?,
        };
        let (state, is_available) = (self.state, self.is_available);
        Ok(Past { activation, state, replaces: replaces.transpose()?, is_available })
    }
}

/// What each took the place of, from `from` on. Two that took each other's place in turns come once.
fn before<'a>(history: &'a [Past], from: &'a Past) -> Vec<&'a Past> {
    let mut chain = vec![from];
    while let Some(replaced) = chain.last().and_then(|last| last.replaces) {
        let next = history.iter().find(|one| one.activation.revision() == replaced);
        match next.filter(|next| !chain.iter().any(|one| std::ptr::eq(*one, *next))) {
            Some(next) => chain.push(next),
            None => break,
        }
    }
    chain.remove(0);
    chain
}

/// The same ways, whether a tenant decides for itself or the deployment for all.
macro_rules! ways_back {
    ($scope:ty, $table:tt) => {
        impl $scope {
            /// Undoes the last step under the configuration id: ends the trials or, without any, goes back to the
            /// latest that the active revision took the place of and that may be used.
            pub async fn roll_back(
                &mut self,
                configuration_id: &str,
                back: Back<'_>,
                now: OffsetDateTime,
            ) -> Result<RolledBack, StoreError> {
                let history = self.past_of(configuration_id).await?;
                let of_trial = |one: &&Past| one.state == "canary" || one.state == "shadow";
                let is_wanted = |one: &&Past| back.only.is_none_or(|only| one.activation.revision() == only);
                let trials: Vec<&Past> = history.iter().filter(of_trial).collect();
                let wanted: Vec<&Past> = trials.iter().copied().filter(is_wanted).collect();
                if !wanted.is_empty() {
                    for trial in &wanted {
                        self.supersede(configuration_id, Some(&trial.activation.revision())).await?;
                    }
                    let ended = wanted.into_iter().map(|one| one.activation.clone()).collect();
                    return Ok(RolledBack::Trials(ended));
                }
                let active = history.iter().find(|one| ["active", "off"].contains(&one.state.as_str()));
                let Some(active) = active.filter(is_wanted) else {
                    return Ok(if back.only.is_some() { RolledBack::Done } else { RolledBack::Nothing });
                };
                let may_come = |one: &&Past| one.is_available && !back.shunned.contains(&one.activation.component);
                let to = before(&history, active).into_iter().find(may_come);
                if to.is_none() && !back.falls_back {
                    return Ok(RolledBack::Nothing);
                }
                self.supersede(configuration_id, None).await?;
                if let Some(to) = to {
                    let done = query!(
                        "update " + $table + " set state = 'active', activated_at = $4
                         where configuration_id = $1 and component = $2 and configuration_hash = $3",
                        configuration_id,
                        to.activation.component.as_slice(),
                        to.activation.configuration_hash.as_slice(),
                        now,
                    )
                    .execute(self.session.statement())
                    .await;
                    self.session.settle(done)?;
                }
                Ok(RolledBack::To {
                    from: active.activation.clone(),
                    ended: trials.into_iter().map(|one| one.activation.clone()).collect(),
                    to: to.map(|to| to.activation.clone()),
                })
            }

            /// The components that were active under that id before what is, the latest first.
            pub async fn predecessors(&mut self, configuration_id: &str) -> Result<Vec<[u8; 32]>, StoreError> {
                let history = self.past_of(configuration_id).await?;
                let active = history.iter().find(|one| ["active", "off"].contains(&one.state.as_str()));
                let before = active.map(|active| before(&history, active)).unwrap_or_default();
                Ok(before.into_iter().map(|one| one.activation.component).collect())
            }

            /// Ends what is in force under the id: all of it, or that revision.
            pub(crate) async fn supersede(
                &mut self,
                configuration_id: &str,
                only: Option<&Revision>,
            ) -> Result<(), StoreError> {
                let done = query!(
                    "update " + $table + " set state = 'superseded', share = null
                     where configuration_id = $1 and state <> 'superseded'
                       and ($2::bytea is null or (component = $2 and configuration_hash = $3))",
                    configuration_id,
                    only.map(|only| only.component.as_slice()),
                    only.map(|only| only.configuration.as_slice()),
                )
                .execute(self.session.statement())
                .await;
                self.session.settle(done).map(drop)
            }

            /// Whatever was in force under the id. Nobody adds to it until the transaction ends.
            pub(crate) async fn past_of(&mut self, configuration_id: &str) -> Result<Vec<Past>, StoreError> {
                self.hold_activations(configuration_id).await?;
                let rows = query_as!(
                    Row,
                    r#"select component, configuration, configuration_hash, state, replaces_component,
                           replaces_configuration_hash,
                           exists (select from plugin_components c
                               where c.digest = component and c.status = 'available') as "is_available!"
                       from "# + $table + r#" where configuration_id = $1"#,
                    configuration_id,
                )
                .fetch_all(self.session.statement())
                .await;
                let rows = self.session.settle(rows)?.into_iter();
                rows.map(|row| row.past(configuration_id)).collect()
            }
        }
    };
}

ways_back!(TenantTx, "activations");
ways_back!(PlatformTx, "default_activations");
