//! Which functions of the guest were under way when it stopped.

use wasmtime::WasmBacktrace;

use crate::log::escaped;

/// Deeper than that, an endless recursion repeats itself.
const FRAMES: usize = 20;
const NAME: usize = 200;

/// Their names, the innermost first; none where the guest was built without names.
pub(crate) fn functions(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    backtrace
        .frames()
        .iter()
        .filter_map(|frame| frame.func_name())
        .take(FRAMES)
        .map(|name| escaped(&format!("{:#}", rustc_demangle::demangle(name)), NAME))
        .collect()
}
