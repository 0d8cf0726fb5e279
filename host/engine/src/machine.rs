//! wasmtime's engine, what guests may import, and the clock that interrupts them.

use std::sync::Arc;

use wasmtime::{
    CustomCodeMemory,
    component::{Component as Compiled, HasSelf, Linker},
};

use crate::{
    bindings::CredentialTemplate, call::CallState, engine::EngineError, hook::Hook, limits::Limits,
    linked::Linked, settings, ticker, wasi,
};

/// What makes instances; one per process.
pub(crate) struct Machine {
    engine: wasmtime::Engine,
    linker: Linker<CallState>,
}

impl Machine {
    /// A machine for so many calls at a time. `code` makes machine code executable; wasmtime does if there is none.
    pub(crate) fn start(
        limits: &Limits,
        calls: usize,
        code: Option<&Arc<dyn CustomCodeMemory>>,
    ) -> Result<Self, EngineError> {
        let broken = |error: wasmtime::Error| EngineError::Settings(format!("{error:#}"));
        let calls = u32::try_from(calls.clamp(1, 1000)).unwrap_or(1000);
        let config = |pooled| {
            let mut config = settings::config(limits, calls, pooled);
            config.with_custom_code_memory(code.cloned());
            config
        };
        let engine = wasmtime::Engine::new(&config(true)).or_else(|error| {
            // Address spaces of 39 bits, as on some ARM machines, have no room for the pool.
            tracing::warn!(%error, "plugins run without a pool of instances, at a quarter of the speed");
            wasmtime::Engine::new(&config(false))
        });
        let engine = engine.map_err(broken)?;
        let mut linker = Linker::new(&engine);
        wasi::link(&mut linker).map_err(broken)?;
        // The hooks import the same: the log.
        CredentialTemplate::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)
            .map_err(broken)?;
        ticker::start(&engine).map_err(EngineError::Ticker)?;
        Ok(Self { engine, linker })
    }

    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        &self.engine
    }

    /// Provides the imports and checks the types of the exports.
    pub(crate) fn link(&self, compiled: &Compiled, hook: Hook) -> wasmtime::Result<Linked> {
        self.linker.instantiate_pre(compiled).and_then(|component| Linked::new(hook, component))
    }
}
