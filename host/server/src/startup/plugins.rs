//! Plugins: the bundled ones are read from their folder, kept in the database
//! by digest, and active for the tenant unless it chose otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use chancery_credential::keys::Keyring;
use chancery_domain::TenantId;
use chancery_engine::{Component, Engine, EngineConfig, Limits, Template};
use chancery_store::{Activation, By, Store};
use serde_json::{Value, json};

use super::StartError;
use crate::config::Config;

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
    };
    Engine::start(settings).map_err(|error| StartError::Plugins(error.to_string()))
}

/// Brings the bundled plugins in and loads what the tenant has active.
pub(super) async fn load(
    config: &Config,
    store: &Store,
    engine: &Engine,
    tenant: TenantId,
) -> Result<BTreeMap<String, Template>, StartError> {
    let bundled = read_bundled(config, engine).await?;
    keep(store, &bundled).await?;

    let mut templates = BTreeMap::new();
    let mut tx = store.tenant(tenant).await?;
    let activations = tx.activations().await?;
    tx.commit().await?;

    let mut fresh = Vec::new();
    for (component, _) in &bundled {
        let name = component.name();
        let earlier = activations.iter().find(|activation| activation.configuration_id == name);
        let configuration = earlier.map_or_else(|| json!({}), |activation| activation.configuration.clone());
        let is_current = earlier.is_some_and(|activation| activation.component == component.digest());
        let template = describe(engine, component, configuration.clone()).await?;
        if !is_current {
            fresh.push(Activation {
                configuration_id: template.definition().configuration_id.clone(),
                component: component.digest(),
                configuration,
                configuration_hash: template.revision().configuration,
            });
        }
        templates.insert(template.definition().configuration_id.clone(), template);
    }
    if !fresh.is_empty() {
        let mut tx = store.tenant(tenant).await?;
        for activation in &fresh {
            tracing::info!(configuration = activation.configuration_id, "activating a bundled template");
            tx.activate(activation).await?;
        }
        tx.commit().await?;
    }
    // What the tenant has active without its being bundled (any more).
    for activation in activations {
        if templates.contains_key(&activation.configuration_id) {
            continue;
        }
        match restore(store, engine, &activation).await {
            Ok(template) => drop(templates.insert(activation.configuration_id, template)),
            Err(error) => {
                tracing::error!(configuration = activation.configuration_id, %error, "a template cannot be loaded");
            }
        }
    }
    Ok(templates)
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

    let mut bundled = Vec::new();
    for name in names {
        let wasm = folder.read(&name).map_err(file)?;
        match engine.load(&wasm).await {
            Ok(component) => bundled.push((component, wasm.into())),
            Err(refused) => tracing::error!(plugin = name, %refused, "a bundled plugin is refused"),
        }
    }
    Ok(bundled)
}

/// Keeps the bytes by digest, so that an offer finds the very version that it pins.
async fn keep(store: &Store, bundled: &[Bundled]) -> Result<(), StartError> {
    let mut tx = store.platform(START).await?;
    for (component, wasm) in bundled {
        tx.put_component(&component.digest(), component.name(), component.version(), wasm).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Loads a template from the bytes that the database keeps.
pub(crate) async fn restore(
    store: &Store,
    engine: &Engine,
    activation: &Activation,
) -> Result<Template, StartError> {
    let mut tx = store.platform(START).await?;
    let wasm = tx.component(&activation.component).await?;
    tx.commit().await?;
    let wasm =
        wasm.ok_or_else(|| StartError::Plugins("the component is missing or quarantined".to_owned()))?;
    let component = engine.load(&wasm).await.map_err(|refused| StartError::Plugins(refused.to_string()))?;
    describe(engine, &component, activation.configuration.clone()).await
}

async fn describe(
    engine: &Engine,
    component: &Component,
    configuration: Value,
) -> Result<Template, StartError> {
    engine.template(component, configuration).await.map_err(|error| StartError::Plugins(error.to_string()))
}
