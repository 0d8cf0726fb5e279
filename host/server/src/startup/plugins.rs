//! Plugins: the bundled ones are read from their folder, kept in the database
//! by digest, and what a new tenant begins with.

use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use chancery_credential::keys::Keyring;
use chancery_domain::TenantId;
use chancery_engine::{Component, Engine, EngineConfig, Hook, Limits};
use chancery_store::{Activation, By, Store};
use serde_json::json;
use tokio::task::JoinSet;

use super::StartError;
use crate::app::App;
use crate::config::Config;
use crate::tenants::templates::Templates;

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

/// Brings the bundled plugins in: what every new tenant begins with.
pub(super) async fn bring_in(
    config: &Config,
    store: &Store,
    engine: &Engine,
    templates: &Templates,
) -> Result<Vec<Activation>, StartError> {
    let bundled = read_bundled(config, engine).await?;
    keep(store, &bundled).await?;
    let mut activations = Vec::new();
    for (component, _) in bundled {
        // Policies and licences come along; they decide nothing until somebody activates them.
        if component.hook() != Hook::CredentialTemplate {
            continue;
        }
        let configuration = json!({});
        let template = engine
            .template(&component, configuration.clone())
            .await
            .map_err(|error| StartError::Plugins(error.to_string()))?;
        activations.push(Activation {
            configuration_id: template.definition().configuration_id.clone(),
            component: component.digest(),
            configuration_hash: template.revision().configuration,
            configuration,
        });
        templates.keep(component);
    }
    Ok(activations)
}

/// Self-hosted: what the program brings in a newer version replaces the older one, in the configuration that
/// the tenant gave it.
pub(super) async fn renew(app: &App, tenant: TenantId) -> Result<(), StartError> {
    let mut tx = app.store.tenant(tenant).await?;
    let active = tx.activations().await?;
    tx.commit().await?;
    let mut fresh = Vec::new();
    for activation in &app.beginnings.activations {
        let earlier = active.iter().find(|active| active.configuration_id == activation.configuration_id);
        match earlier {
            Some(earlier) if earlier.component == activation.component => {}
            Some(earlier) => {
                let configuration = earlier.configuration.clone();
                let configuration_hash = earlier.configuration_hash;
                fresh.push(Activation { configuration, configuration_hash, ..activation.clone() });
            }
            None => fresh.push(activation.clone()),
        }
    }
    if fresh.is_empty() {
        return Ok(());
    }
    let mut tx = app.store.tenant(tenant).await?;
    for activation in &fresh {
        tracing::info!(configuration = activation.configuration_id, "activating a bundled template");
        tx.activate(activation).await?;
    }
    tx.announce_change().await?;
    tx.commit().await?;
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
async fn keep(store: &Store, bundled: &[Bundled]) -> Result<(), StartError> {
    let mut tx = store.platform(START).await?;
    for (component, wasm) in bundled {
        tx.put_component(&component.digest(), component.name(), component.version(), wasm).await?;
    }
    tx.commit().await?;
    Ok(())
}
