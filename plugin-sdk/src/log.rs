//! Lines for the person who runs the plugin. Never write the value of a claim.
//!
//! In a component they go to the host, which bounds and escapes them; in native tests to
//! standard error.

use crate::guest::bindings::template::chancery::log::log::Level;

/// Of use to the plugin's author.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Of use to the person who runs the plugin.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Something to look into.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Something is broken.
pub fn error(message: &str) {
    write(Level::Error, message);
}

#[cfg(target_family = "wasm")]
fn write(level: Level, message: &str) {
    crate::guest::bindings::template::chancery::log::log::write(level, message);
}

#[cfg(not(target_family = "wasm"))]
#[expect(clippy::print_stderr, reason = "where a native test shows what it says")]
fn write(level: Level, message: &str) {
    eprintln!("{level:?}: {message}");
}
