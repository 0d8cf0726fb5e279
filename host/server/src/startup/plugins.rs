//! Plugins: the bundled ones are read from their folder, kept in the database by digest, and activated for
//! every tenant that decides nothing else.

use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use chancery_credential::keys::Keyring;
use chancery_domain::audit::Actor;
use chancery_domain::plugin::{Approval, Part};
use chancery_engine::{Apart, Component, Engine, EngineConfig, Hook, Limits, RunnerConfig, Template};
use chancery_store::{Activation, By, NewComponent, Store, When};
use serde_json::json;
use time::OffsetDateTime;
use tokio::task::JoinSet;

use super::StartError;
use crate::config::Config;
use crate::operations::plugins::relied::{differences, kept};
use crate::tenants::templates::Templates;

/// What the command line turns into [`chancery_engine::runner::serve`].
pub const RUNNER_COMMAND: &str = "plugin-runner";
/// What the command line turns into [`chancery_engine::compiler::serve`].
pub const COMPILER_COMMAND: &str = "plugin-compiler";

const START: By = By::Job("start");
/// Calls that may run at the same time, per core.
const CALLS_PER_CORE: usize = 16;

/// The engine, with its cache in a folder that no stored name can leave.
pub(super) fn start_engine(config: &Config, keyring: &Keyring) -> Result<Engine, StartError> {
    let path = config.data.join("compiled-plugins");
    let file = |source| StartError::File { path: path.clone(), source };
    std::fs::create_dir_all(&path).map_err(file)?;
    let cache = Dir::open_ambient_dir(&path, ambient_authority()).map_err(file)?;
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let settings = EngineConfig {
        cache,
        cache_key: keyring.cache_key(),
        limits: Limits::default(),
        concurrency: cores * CALLS_PER_CORE,
        apart: config.plugins_apart.then(|| apart(cores * CALLS_PER_CORE, config.plugin_memory)),
    };
    Engine::start(settings).map_err(|error| StartError::Plugins(error.to_string()))
}

/// This very program as compiler and as runner, even if its file was replaced meanwhile.
fn apart(calls: usize, code: usize) -> Apart {
    let itself = |arguments: &[&str]| RunnerConfig {
        program: "/proc/self/exe".into(),
        arguments: arguments.iter().map(Into::into).collect(),
        // What the allocator reserves counts against what these may have; it begins with a gigabyte otherwise.
        environment: vec![("MIMALLOC_ARENA_RESERVE".into(), "32M".into())],
    };
    Apart {
        runner: itself(&[RUNNER_COMMAND, &calls.to_string()]),
        compiler: itself(&[COMPILER_COMMAND]),
        code,
    }
}

/// Brings the bundled plugins in: on the deployment's shelf, and what every tenant issues from that decides nothing
/// else.
pub(super) async fn bring_in(
    config: &Config,
    now: OffsetDateTime,
    store: &Store,
    engine: &Engine,
    templates: &Templates,
) -> Result<(), StartError> {
    let bundled = read_bundled(config, engine).await?;
    keep(store, &bundled, now).await?;
    for (component, _) in bundled {
        // Policies and licences come along; they decide nothing until somebody installs them.
        if component.hook() != Hook::CredentialTemplate {
            continue;
        }
        let described = engine.template(&component, json!({})).await;
        let template = described.map_err(|error| StartError::Plugins(error.to_string()))?;
        templates.keep(component);
        offer_to_all(store, engine, templates, &template, now).await?;
    }
    Ok(())
}

/// Activates what this program brings for all tenants, the first time that any program brings it: so an operator
/// who went back to an earlier version, or a replica that is still an older program, does not see it come again.
async fn offer_to_all(
    store: &Store,
    engine: &Engine,
    templates: &Templates,
    template: &Template,
    now: OffsetDateTime,
) -> Result<(), StartError> {
    let activation = Activation {
        configuration_id: template.definition().configuration_id.clone(),
        component: template.component().digest(),
        configuration_hash: template.revision().configuration,
        configuration: json!({}),
    };
    let id = &activation.configuration_id;
    let (definition, revision) = (kept(template.definition()), template.revision());
    let mut tx = store.platform(START).await?;
    if tx.was_activated(&activation).await? {
        // A program that kept no definitions may have activated it.
        tx.note_definition(id, &revision, &definition).await?;
        return Ok(tx.commit().await?);
    }
    let relied = tx.relied_on(id).await?;
    let shelved = match relied.iter().find(|one| one.when != When::Earlier) {
        Some(active) => tx.plugins(Some(&active.activation.component)).await?.pop(),
        None => None,
    };
    tx.commit().await?;
    if shelved.is_some_and(|shelved| shelved.uploaded_by != Actor::Host.kind()) {
        tracing::info!(configuration = id, "an operator's own plugin is active; the bundled one is not");
        return Ok(());
    }
    let issues = differences((store, engine, templates), &relied, template.definition()).await?;
    if let Some(first) = issues.first() {
        let (pointer, reason) = (&first.pointer, &first.message);
        tracing::warn!(
            configuration = id,
            pointer,
            reason,
            "the bundled template would break credentials and is not activated"
        );
        return Ok(());
    }
    let mut tx = store.platform(START).await?;
    if tx.relied_on(id).await? != relied {
        // Another replica starts, or an operator decides.
        tracing::info!(configuration = id, "somebody else changes what is active; the bundled one is not");
        return Ok(tx.rollback().await?);
    }
    tx.activate(&activation, Part::Active, now).await?;
    tx.note_definition(id, &revision, &definition).await?;
    tx.announce_change_of_all().await?;
    tx.commit().await?;
    tracing::info!(configuration = id, "a bundled template is active for all");
    Ok(())
}

type Bundled = (Component, Arc<[u8]>);

/// Every `*.wasm` in the folder. A plugin that is refused does not keep the others from serving.
async fn read_bundled(config: &Config, engine: &Engine) -> Result<Vec<Bundled>, StartError> {
    let path = &config.plugins;
    let file = |source| StartError::File { path: path.clone(), source };
    let folder = match Dir::open_ambient_dir(path, ambient_authority()) {
        Ok(folder) => folder,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), "there is no folder of bundled plugins, set CHANCERY_PLUGINS");
            return Ok(Vec::new());
        }
        Err(error) => return Err(file(error)),
    };
    let mut names: Vec<String> = Vec::new();
    for entry in folder.entries().map_err(file)? {
        let name = entry.map_err(file)?.file_name().to_string_lossy().into_owned();
        if std::path::Path::new(&name).extension().is_some_and(|extension| extension == "wasm") {
            names.push(name);
        }
    }
    names.sort();

    // All at once: nobody is served yet, and compiling them is most of a first start.
    let mut loading = JoinSet::new();
    for name in names {
        let (engine, wasm) = (engine.clone(), Arc::<[u8]>::from(folder.read(&name).map_err(file)?));
        loading.spawn(async move { (name, engine.load(&wasm).await, wasm) });
    }
    let mut loaded = loading.join_all().await;
    loaded.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let mut bundled = Vec::new();
    for (name, component, wasm) in loaded {
        match component {
            Ok(component) => bundled.push((component, wasm)),
            Err(refused) => tracing::error!(plugin = name, %refused, "a bundled plugin is refused"),
        }
    }
    Ok(bundled)
}

/// Keeps the bytes by digest, so that an offer finds the very version that it pins.
async fn keep(store: &Store, bundled: &[Bundled], now: OffsetDateTime) -> Result<(), StartError> {
    let mut tx = store.platform(START).await?;
    for (component, wasm) in bundled {
        let new = NewComponent {
            digest: component.digest(),
            name: component.name(),
            version: component.version(),
            hook: component.hook().as_str(),
            report: json!({ "bundled": true }),
            wasm,
        };
        tx.put_component(&new).await?;
        tx.shelve(&component.digest(), Approval::Given, now, Actor::Host.kind()).await?;
    }
    tx.commit().await?;
    Ok(())
}
