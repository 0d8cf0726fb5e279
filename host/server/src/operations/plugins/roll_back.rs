//! The last step under a configuration id is undone: a trial ends, or what was active before is active again.

use chancery_domain::EventType;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::template::Revision;
use chancery_store::{Activation, Back, RolledBack};
use serde_json::{Value, json};

use super::Keeper;
use super::published::check_published;
use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// What is to be undone, and why.
#[derive(Clone, Copy)]
pub(crate) enum Step<'a> {
    /// The last one, as somebody wishes.
    Last,
    /// The one that brought this revision, which the host takes back because it fails. If somebody else did already,
    /// there is nothing to do.
    Of(Revision, &'a str),
}

/// Undoes the step. Nothing is compared on the way back: what is returned to was there before. But it is not returned
/// to what was quarantined meanwhile, or to what no publisher vouches for any more.
pub(crate) async fn roll_back_activation(
    app: &App,
    author: Author,
    keeper: Keeper<'_>,
    configuration_id: &str,
    step: Step<'_>,
) -> Result<(), Problem> {
    let shunned = unpublished(app, keeper, configuration_id).await?;
    let (only, because) = match step {
        Step::Last => (None, None),
        Step::Of(revision, because) => (Some(revision), Some(because)),
    };
    let mut tx = keeper.open(app).await?;
    let known = tx.activations().await?;
    let back = Back { only, shunned: &shunned, falls_back: false };
    let (undone, to) = match tx.roll_back(configuration_id, back, app.now()).await? {
        RolledBack::Trials(trials) => (trials, None),
        RolledBack::To { from, ended, to } => ([vec![from], ended].concat(), to),
        RolledBack::Done => return Ok(tx.rollback().await?),
        RolledBack::Nothing => {
            tx.rollback().await?;
            let problem = if known.iter().any(|one| one.activation.configuration_id == configuration_id) {
                let detail = "there is nothing to go back to that may be used";
                Problem::new(ProblemCode::WrongState).detail(detail)
            } else {
                Problem::not_found()
            };
            return Err(problem);
        }
    };
    let kind = if because.is_some() { EventType::PluginTripped } else { EventType::PluginRolledBack };
    for (position, from) in undone.iter().enumerate() {
        let to = to.as_ref().filter(|_| position == 0);
        let data = json!({
            "configuration_id": configuration_id, "from": hex::encode(from.component),
            "to": to.map(|to| hex::encode(to.component)), "because": because,
        });
        tx.tell(app.event(kind, data)).await?;
        let changed = Changed { before: told(from), after: to.map_or(Value::Null, told) };
        tx.record(&app.entry(author, Action::PluginRolledBack, configuration_id, &changed)).await?;
    }
    tx.announce_and_commit().await?;
    keeper.forget(app);
    Ok(())
}

/// The components of before that may not come back into force, for want of a publisher who is trusted now.
async fn unpublished(
    app: &App,
    keeper: Keeper<'_>,
    configuration_id: &str,
) -> Result<Vec<[u8; 32]>, Problem> {
    let mut tx = keeper.open(app).await?;
    let mut versions = Vec::new();
    for component in tx.predecessors(configuration_id).await? {
        // What stands on no shelf any more was published by somebody when it came; who, nobody knows.
        versions.extend(tx.plugins(Some(&component)).await?.pop());
    }
    tx.commit().await?;
    let mut shunned = Vec::new();
    for version in versions {
        if check_published(app, keeper, &version).await.is_err() {
            shunned.push(version.digest);
        }
    }
    Ok(shunned)
}

fn told(activation: &Activation) -> Value {
    json!({ "component": hex::encode(activation.component) })
}
