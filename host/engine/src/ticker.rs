//! The thread that advances the engine's epoch, so that a guest can be interrupted.

use std::{thread, time::Duration};

use wasmtime::Engine;

/// How often the epoch advances.
const TICK: Duration = Duration::from_millis(5);

/// Starts the thread; it ends when the last clone of `engine` is gone.
///
/// A thread of its own: a runtime whose workers all run guests would never tick.
pub(crate) fn start(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    thread::Builder::new().name("plugin-epoch".into()).spawn(move || {
        loop {
            thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    })?;
    Ok(())
}
