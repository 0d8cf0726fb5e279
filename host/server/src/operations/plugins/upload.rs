//! A component comes in: whatever it is, it is checked, compiled, asked what it issues and held against its own
//! examples before anybody can activate it, and its bytes are kept once.

use chancery_credential::publisher::PublisherSignature;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::plugin::Approval;
use chancery_domain::settings::Settings;
use chancery_domain::template::Issue;
use chancery_engine::{Report, Stage, StageResult};
use chancery_store::{By, NewComponent, Shelved};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Keeper;
use super::discard::drop_bytes;
use super::keeper::KeeperTx;
use super::published::signature_of;
use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// A version on its shelf, and whether it came just now.
pub(crate) struct Uploaded {
    pub(crate) version: Shelved,
    pub(crate) new: bool,
}

/// A component, and what its publisher signed if somebody did.
#[derive(Clone, Copy)]
pub(crate) struct Brought<'a> {
    pub(crate) wasm: &'a [u8],
    pub(crate) signature: Option<&'a str>,
}

/// Takes a component in. The same bytes again are the same version, and change nothing.
pub(crate) async fn upload_plugin(
    app: &App,
    author: Author,
    keeper: Keeper<'_>,
    settings: &Settings,
    Brought { wasm, signature }: Brought<'_>,
) -> Result<Uploaded, Problem> {
    let approval = approval_of(app, keeper, settings)?;
    let digest: [u8; 32] = Sha256::digest(wasm).into();
    let mut tx = keeper.open(app).await?;
    check_room(app, &mut tx, &digest, wasm.len() as u64).await?;
    tx.commit().await?;
    // Before anything is compiled: who is not trusted here has no business with the compiler either.
    let signature = signature_of(&digest, signature, settings)?;
    let (report, component) = app.engine.examine(wasm).await;
    let component = component.filter(|_| is_sound(&report)).ok_or_else(|| refusal(&report))?;
    app.tenants.workshop.templates.keep(component.clone());

    let report = serde_json::to_value(&report);
    let new = NewComponent {
        digest,
        name: component.name(),
        version: component.version(),
        hook: component.hook().as_str(),
        report: report.map_err(|error| Problem::new(ProblemCode::Internal).because(error))?,
        wasm,
    };
    let mut platform = app.store.platform(By::Job("keep a plugin")).await?;
    platform.put_component(&new).await?;
    platform.commit().await?;

    let mut tx = keeper.open(app).await?;
    // Others may have come meanwhile.
    if let Err(full) = check_room(app, &mut tx, &digest, wasm.len() as u64).await {
        tx.rollback().await?;
        drop_bytes(app, &digest).await?;
        return Err(full);
    }
    let new = tx.shelve(&digest, approval, app.now(), &told_of(author)).await?;
    let publisher = signature.as_ref().map(PublisherSignature::publisher);
    let signed = match &signature {
        Some(signature) => tx.keep_signature(&digest, &signature.to_text()).await?,
        None => false,
    };
    if new {
        let mut made = json!({
            "name": component.name(), "version": component.version(), "approval": approval.as_str()
        });
        if let (Some(publisher), Some(made)) = (&publisher, made.as_object_mut()) {
            made.insert("publisher".to_owned(), json!(publisher));
        }
        let entry = app.entry(author, Action::PluginUploaded, hex::encode(digest), &Changed::made(made));
        tx.record(&entry).await?;
    } else if signed {
        let changed = Changed::made(json!({ "publisher": publisher }));
        tx.record(&app.entry(author, Action::PluginUploaded, hex::encode(digest), &changed)).await?;
    }
    let version = tx.plugins(Some(&digest)).await?.pop().ok_or_else(Problem::not_found)?;
    if version.approval == Approval::Given {
        tx.announce_version(&digest).await?;
    }
    tx.commit().await?;
    Ok(Uploaded { version, new })
}

/// How many versions are kept for one tenant of many, and bytes of them.
const MOST_VERSIONS: u64 = 100;
const MOST_BYTES: u64 = 256 << 20;

/// Refuses what there is no room for. The deployment's own shelf is its operators' concern, and so is all of a
/// self-hosted issuer's.
async fn check_room(app: &App, tx: &mut KeeperTx, digest: &[u8; 32], bytes: u64) -> Result<(), Problem> {
    let KeeperTx::Tenant(tx) = tx else { return Ok(()) };
    if !app.tenants.workshop.saas || !tx.plugins(Some(digest)).await?.is_empty() {
        return Ok(());
    }
    let (versions, kept) = tx.plugins_kept().await?;
    if versions < MOST_VERSIONS && kept.saturating_add(bytes) <= MOST_BYTES {
        return Ok(());
    }
    let detail = format!(
        "{versions} versions with {} MiB are kept for this tenant, of at most {MOST_VERSIONS} with {} MiB; discard \
         some that were never active",
        kept >> 20,
        MOST_BYTES >> 20
    );
    Err(Problem::new(ProblemCode::WrongState).detail(detail))
}

/// Whether nothing is wrong with it. That it wants a configuration before it can say what it issues is not wrong.
fn is_sound(report: &Report) -> bool {
    report.failures().all(|step| {
        let StageResult::Failed { code, .. } = &step.result else { return true };
        step.stage == Stage::Describe && code == "configuration"
    })
}

/// Every stage that failed, with what its author can do.
fn refusal(report: &Report) -> Problem {
    let mut issues = Vec::new();
    for step in report.failures() {
        if let StageResult::Failed { code, cause, fix } = &step.result {
            // That the compiler or the runner was lost says nothing of the plugin.
            if code == "lost" {
                return Problem::new(ProblemCode::Unavailable).because(cause);
            }
            let stage = serde_json::to_value(step.stage).unwrap_or_default();
            let pointer = format!("/{}", stage.as_str().unwrap_or_default());
            issues.push(Issue { pointer, code: code.clone(), message: format!("{cause}; {fix}") });
        }
    }
    let detail = issues.first().map(|issue| issue.message.clone()).unwrap_or_default();
    Problem::new(ProblemCode::PluginRefused).detail(detail).with_errors(issues)
}

/// Whether the keeper takes plugins at all, and who looks at them first.
fn approval_of(app: &App, keeper: Keeper<'_>, settings: &Settings) -> Result<Approval, Problem> {
    let by_others = if settings.plugin_approval { Approval::Awaited } else { Approval::Given };
    match keeper {
        Keeper::Tenant(_) if app.tenants.workshop.saas => match settings.tenant_plugins.as_str() {
            "accepted" => Ok(by_others),
            "on-approval" => Ok(Approval::Awaited),
            _ => Err(Problem::new(ProblemCode::Forbidden).detail(
                "this platform takes no plugins from its tenants; ask its operator to bring yours into the \
                 catalogue",
            )),
        },
        Keeper::Tenant(_) | Keeper::Deployment => Ok(by_others),
    }
}

/// In the words of the audit trail, so that whoever approves can be told from whoever brought it.
pub(super) fn told_of(author: Author) -> String {
    let kind = author.actor.kind();
    author.actor.uuid().map_or_else(|| kind.to_owned(), |id| format!("{kind} {id}"))
}
