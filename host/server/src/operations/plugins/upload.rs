//! A component comes in: whatever it is, it is checked, compiled and asked what it issues before anybody can
//! activate it, and its bytes are kept once.

use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::plugin::Approval;
use chancery_domain::settings::Settings;
use chancery_engine::{Component, TemplateError};
use chancery_store::{By, NewComponent, Shelved};
use serde_json::{Value, json};

use super::Keeper;
use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// A version on its shelf, and whether it came just now.
pub(crate) struct Uploaded {
    pub(crate) version: Shelved,
    pub(crate) new: bool,
}

/// Takes a component in. The same bytes again are the same version, and change nothing.
pub(crate) async fn upload_plugin(
    app: &App,
    author: Author,
    keeper: Keeper<'_>,
    settings: &Settings,
    wasm: &[u8],
) -> Result<Uploaded, Problem> {
    let approval = approval_of(app, keeper, settings)?;
    let refused = |error: String| Problem::new(ProblemCode::PluginRefused).detail(error);
    let component = app.engine.load(wasm).await.map_err(|error| refused(error.to_string()))?;
    let report = examine(app, &component).await?;
    app.tenants.workshop.templates.keep(component.clone());

    let digest = component.digest();
    let mut platform = app.store.platform(By::Job("keep a plugin")).await?;
    let new = NewComponent {
        digest,
        name: component.name(),
        version: component.version(),
        hook: "credential-template",
        report,
        wasm,
    };
    platform.put_component(&new).await?;
    platform.commit().await?;

    let mut tx = keeper.open(app).await?;
    let new = tx.shelve(&digest, approval, app.now(), &told_of(author)).await?;
    if new {
        let made = json!({
            "name": component.name(), "version": component.version(), "approval": approval.as_str()
        });
        let entry = app.entry(author, Action::PluginUploaded, hex::encode(digest), &Changed::made(made));
        tx.record(&entry).await?;
    }
    let version = tx.plugins(Some(&digest)).await?.pop().ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(Uploaded { version, new })
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

/// Asks the component about itself, without a configuration, as a form for one would be drawn.
async fn examine(app: &App, component: &Component) -> Result<Value, Problem> {
    let template = app.engine.template(component, json!({})).await;
    let described = match template {
        Ok(template) => json!({
            "configuration_id": template.definition().configuration_id,
            "configuration_schema": template.configuration_schema(),
            "configured_by_default": true,
        }),
        // It is sound but wants to be told more first.
        Err(TemplateError::Configuration { .. }) => json!({ "configured_by_default": false }),
        Err(error) => {
            return Err(Problem::new(ProblemCode::PluginRefused).detail(error.to_string()));
        }
    };
    Ok(json!({ "described": described }))
}

/// In the words of the audit trail, so that whoever approves can be told from whoever brought it.
pub(super) fn told_of(author: Author) -> String {
    let kind = author.actor.kind();
    author.actor.uuid().map_or_else(|| kind.to_owned(), |id| format!("{kind} {id}"))
}
