//! Templates by revision, shared by every tenant that has them: the same component under the same
//! configuration is the same template.

use chancery_domain::template::Revision;
use chancery_engine::{Component, Engine, Template};
use chancery_store::{Activation, By, Store};
use moka::sync::Cache;

use super::load::LoadError;

/// How many components and templates are kept ready. Others are loaded again when asked for.
const KEPT: u64 = 2_000;

pub(crate) struct Templates {
    components: Cache<[u8; 32], Component>,
    templates: Cache<Revision, Template>,
}

impl Templates {
    pub(crate) fn new() -> Self {
        Self { components: Cache::new(KEPT), templates: Cache::new(KEPT) }
    }

    /// Keeps a component that was loaded from elsewhere.
    pub(crate) fn keep(&self, component: Component) {
        self.components.insert(component.digest(), component);
    }

    /// The template of that revision, if it is at hand.
    pub(crate) fn known(&self, revision: &Revision) -> Option<Template> {
        self.templates.get(revision)
    }

    /// The template of an activation, from the bytes that the database keeps if need be.
    pub(crate) async fn load(
        &self,
        store: &Store,
        engine: &Engine,
        activation: &Activation,
    ) -> Result<Template, LoadError> {
        let revision =
            Revision { component: activation.component, configuration: activation.configuration_hash };
        if let Some(template) = self.known(&revision) {
            return Ok(template);
        }
        let component = self.component(store, engine, activation.component).await?;
        let template = engine
            .template(&component, activation.configuration.clone())
            .await
            .map_err(LoadError::unusable)?;
        self.templates.insert(template.revision(), template.clone());
        Ok(template)
    }

    async fn component(
        &self,
        store: &Store,
        engine: &Engine,
        digest: [u8; 32],
    ) -> Result<Component, LoadError> {
        if let Some(component) = self.components.get(&digest) {
            return Ok(component);
        }
        let mut tx = store.platform(By::Job("load a plugin")).await?;
        let wasm = tx.component(&digest).await?;
        tx.commit().await?;
        let wasm = wasm.ok_or_else(|| LoadError::unusable("the component is missing or quarantined"))?;
        let component = engine.load(&wasm).await.map_err(LoadError::unusable)?;
        self.keep(component.clone());
        Ok(component)
    }
}
