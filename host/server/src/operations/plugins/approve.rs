//! Somebody looked at a plugin that waited, and lets it be activated.

use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::plugin::Approval;
use chancery_store::Shelved;
use serde_json::json;

use super::Keeper;
use super::upload::told_of;
use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// Approves a version on the keeper's shelf. Nobody approves what they brought themselves.
pub(crate) async fn approve_plugin(
    app: &App,
    author: Author,
    keeper: Keeper<'_>,
    digest: &[u8; 32],
) -> Result<Shelved, Problem> {
    let version = keeper.find(app, digest).await?;
    let wrong = |detail: &str| Problem::new(ProblemCode::WrongState).detail(detail);
    if version.approval == Approval::Given {
        return Err(wrong("the plugin is approved"));
    }
    if version.uploaded_by == told_of(author) {
        let detail = "you uploaded the plugin yourself; somebody else has to approve it";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail));
    }
    let mut tx = keeper.open(app).await?;
    if !tx.approve(digest).await? {
        tx.rollback().await?;
        return Err(wrong("the plugin does not wait for an approval"));
    }
    let changed = Changed {
        before: json!({ "approval": Approval::Awaited.as_str() }),
        after: json!({ "approval": Approval::Given.as_str() }),
    };
    tx.record(&app.entry(author, Action::PluginApproved, hex::encode(digest), &changed)).await?;
    tx.announce_version(digest).await?;
    tx.commit().await?;
    Ok(Shelved { approval: Approval::Given, ..version })
}
