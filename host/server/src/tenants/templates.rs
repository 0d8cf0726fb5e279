//! Templates by revision, shared by every tenant that has them: the same component under the same
//! configuration is the same template.

use std::sync::Arc;
use std::time::Duration;

use chancery_domain::template::Revision;
use chancery_engine::{Component, ConfigureError, Engine, Refused, Template};
use chancery_store::{Activation, By, Store, StoreError};
use moka::sync::Cache;
use serde_json::Value;
use tokio::sync::Mutex;

use super::load::LoadError;

/// How many components and templates are kept ready. Others are loaded again when asked for.
const KEPT: u64 = 2_000;

/// Why there is no template of a component in a configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its bytes are not there.
    #[error("the component is missing or quarantined")]
    Missing,
    /// It was found sound once, and is not any more: this program is another one.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It does not describe itself in that configuration.
    #[error(transparent)]
    Plugin(#[from] ConfigureError),
}

/// For longer than this nobody loads a component.
const LOADING_FOR: Duration = Duration::from_mins(5);

pub(crate) struct Templates {
    components: Cache<[u8; 32], Component>,
    described: Cache<Revision, Template>,
    /// Held while a component is loaded: whoever else wants it waits, and has it too.
    loading: Cache<[u8; 32], Arc<Mutex<()>>>,
}

impl Templates {
    pub(crate) fn new() -> Self {
        let described = Cache::builder().max_capacity(KEPT).support_invalidation_closures().build();
        let loading = Cache::builder().max_capacity(KEPT).time_to_live(LOADING_FOR).build();
        Self { components: Cache::new(KEPT), described, loading }
    }

    /// Keeps a component that was loaded from elsewhere.
    pub(crate) fn keep(&self, component: Component) {
        self.components.insert(component.digest(), component);
    }

    /// The template of that revision, if it is at hand.
    pub(crate) fn known(&self, revision: &Revision) -> Option<Template> {
        self.described.get(revision)
    }

    /// Nothing of the component is at hand any more.
    pub(crate) fn forget(&self, digest: &[u8; 32]) {
        self.components.invalidate(digest);
        let digest = *digest;
        // Fails only on a cache that was not built for it.
        let _ = self.described.invalidate_entries_if(move |revision, _| revision.component == digest);
    }

    /// Nothing is at hand any more. What is compiled stays so.
    pub(crate) fn forget_all(&self) {
        self.components.invalidate_all();
        self.described.invalidate_all();
    }

    /// The component, for a decision that no statement checks afterwards: not if it was quarantined meanwhile, whatever
    /// this replica heard of that.
    pub(crate) async fn permitted(
        &self,
        store: &Store,
        engine: &Engine,
        digest: [u8; 32],
    ) -> Result<Component, Unusable> {
        let mut tx = store.platform(By::Job("ask a plugin")).await?;
        let is_available = tx.is_available(&digest).await?;
        tx.commit().await?;
        if !is_available {
            self.forget(&digest);
            return Err(Unusable::Missing);
        }
        self.component(store, engine, digest).await
    }

    /// The template of an activation, from the bytes that the database keeps if need be.
    pub(crate) async fn load(
        &self,
        store: &Store,
        engine: &Engine,
        activation: &Activation,
    ) -> Result<Template, LoadError> {
        if let Some(template) = self.known(&activation.revision()) {
            return Ok(template);
        }
        self.describe(store, engine, activation.component, &activation.configuration).await.map_err(|error| {
            match error {
                Unusable::Store(error) => error.into(),
                error => LoadError::unusable(error),
            }
        })
    }

    /// What the component issues in this configuration.
    pub(crate) async fn describe(
        &self,
        store: &Store,
        engine: &Engine,
        digest: [u8; 32],
        configuration: &Value,
    ) -> Result<Template, Unusable> {
        let component = self.component(store, engine, digest).await?;
        let template = engine.template(&component, configuration.clone()).await?;
        self.described.insert(template.revision(), template.clone());
        Ok(template)
    }

    /// Compiles a component again whose machine code is gone, from the bytes that the database keeps. Whoever has it
    /// has it again; `false` if that does not work either.
    pub(crate) async fn mend(&self, store: &Store, engine: &Engine, digest: [u8; 32]) -> bool {
        tracing::warn!(plugin = hex::encode(digest), "its machine code is gone, compiling again");
        self.components.invalidate(&digest);
        let mended = self.component(store, engine, digest).await;
        mended.inspect_err(|error| tracing::warn!(%error, "a plugin cannot be compiled again")).is_ok()
    }

    /// The component, from the bytes that the database keeps if need be.
    pub(crate) async fn component(
        &self,
        store: &Store,
        engine: &Engine,
        digest: [u8; 32],
    ) -> Result<Component, Unusable> {
        if let Some(component) = self.components.get(&digest) {
            return Ok(component);
        }
        let turn = self.loading.get_with(digest, Arc::default);
        let _turn = turn.lock().await;
        if let Some(component) = self.components.get(&digest) {
            return Ok(component);
        }
        let mut tx = store.platform(By::Job("load a plugin")).await?;
        let wasm = tx.component(&digest).await?;
        tx.commit().await?;
        let component = engine.load(&wasm.ok_or(Unusable::Missing)?).await?;
        self.keep(component.clone());
        Ok(component)
    }
}
