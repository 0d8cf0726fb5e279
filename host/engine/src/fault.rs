//! What went wrong with a plugin, and whose fault it is.

use std::fmt;

use chancery_domain::template::Issue;
use serde::{Deserialize, Serialize};

use crate::{bindings::types, hook::Hook, log::escaped};

/// A call that brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Name and version of the plugin.
    pub plugin: String,
    /// What happened.
    pub kind: FaultKind,
    /// The guest's functions that were under way, the innermost first, where it kept their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The guest stopped itself: a panic, an access out of bounds, an endless recursion.
    #[error("it trapped: {0}")]
    Trap(String),
    /// The guest ran for too long, or the whole call took too long.
    #[error("it did not answer in time")]
    Timeout,
    /// The guest executed too many instructions.
    #[error("it ran out of fuel")]
    OutOfFuel,
    /// The guest asked for more memory than it may have.
    #[error("it ran out of memory")]
    OutOfMemory,
    /// The guest handed over more than it may.
    #[error("it handed over more than {limit} bytes")]
    OutputTooLarge {
        /// How much it may hand over.
        limit: usize,
    },
    /// The guest's answer breaks its own definition or the contract.
    #[error("its answer breaks the contract: {0}")]
    Contract(String),
    /// The guest said that it cannot answer.
    #[error("it reported {code}: {message}")]
    Plugin {
        /// The guest's word for it.
        code: String,
        /// The guest's sentence on it.
        message: String,
        /// Whether the guest expects the same call to succeed later.
        retryable: bool,
    },
    /// The caller asked with more than the guest is given.
    #[error("it was asked with more than {limit} bytes")]
    InputTooLarge {
        /// How much it is given.
        limit: usize,
    },
    /// Too many calls are running; none was made.
    #[error("too many calls are waiting")]
    Busy,
    /// The process that ran it, and nothing else, ended. Nothing came of the call.
    #[error("it ended the process that ran it")]
    Crash,
    /// The process that ran it ended, or did not answer. Nothing came of the call; it may be made again.
    #[error("the call was lost: {0}")]
    Lost(String),
    /// Its machine code is gone from the cache, and no runner has it. Nothing was called; once it was loaded again, it
    /// can be.
    #[error("its machine code is gone from the cache")]
    Unloaded,
    /// The host could not make the call.
    #[error("the host could not run it: {0}")]
    Host(String),
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The plugin's author's.
    Plugin,
    /// A limit was met: the plugin's author's, or the limit's.
    Limit,
    /// The host's.
    Host,
}

impl FaultKind {
    /// Whose fault it is.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Trap(_) | Self::Contract(_) | Self::Crash | Self::Plugin { .. } => Blame::Plugin,
            Self::Timeout
            | Self::OutOfFuel
            | Self::OutOfMemory
            | Self::OutputTooLarge { .. }
            | Self::InputTooLarge { .. } => Blame::Limit,
            Self::Busy | Self::Lost(_) | Self::Unloaded | Self::Host(_) => Blame::Host,
        }
    }

    /// A stable word for counters and logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Timeout => "timeout",
            Self::OutOfFuel => "out-of-fuel",
            Self::OutOfMemory => "out-of-memory",
            Self::OutputTooLarge { .. } => "output-too-large",
            Self::Contract(_) => "contract",
            Self::Crash => "crash",
            Self::Plugin { .. } => "plugin",
            Self::InputTooLarge { .. } => "input-too-large",
            Self::Busy => "busy",
            Self::Lost(_) | Self::Unloaded => "lost",
            Self::Host(_) => "host",
        }
    }
}

/// What a guest says it cannot do.
pub(crate) fn reported(fault: &types::Fault) -> FaultKind {
    let (code, message) = (escaped(&fault.code, 64), escaped(&fault.message, 1000));
    FaultKind::Plugin { code, message, retryable: fault.retryable }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plugin => "plugin",
            Self::Limit => "limit",
            Self::Host => "host",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plugin, kind, .. } = self;
        write!(f, "failed to run {plugin} ({}): {kind}", kind.blame())
    }
}

impl std::error::Error for Fault {}

/// Why a component cannot be used under a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigureError {
    /// The component did not describe itself.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The component implements another hook.
    #[error("failed to use {plugin} as {wanted}: it implements {found}")]
    Hook {
        /// Name and version of the plugin.
        plugin: String,
        /// What it was to be.
        wanted: Hook,
        /// What it is.
        found: Hook,
    },
    /// The component described something that cannot be; pointers lead into its description.
    #[error("failed to accept the definition of {plugin}: {}", first(.issues))]
    Definition {
        /// Name and version of the plugin.
        plugin: String,
        /// Everything that is wrong with it.
        issues: Vec<Issue>,
    },
    /// The configuration does not match the component's schema of it; pointers lead into
    /// the configuration.
    #[error("failed to configure {plugin}: {}", first(.issues))]
    Configuration {
        /// Name and version of the plugin.
        plugin: String,
        /// Everything that is wrong with it.
        issues: Vec<Issue>,
    },
}

impl ConfigureError {
    /// A stable word for it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.kind.code(),
            Self::Hook { .. } => "hook",
            Self::Definition { .. } => "definition",
            Self::Configuration { .. } => "configuration",
        }
    }
}

fn first(issues: &[Issue]) -> String {
    match issues {
        [] => String::new(),
        [issue] => format!("{}: {}", issue.pointer, issue.message),
        [issue, rest @ ..] => format!("{}: {} (and {} more)", issue.pointer, issue.message, rest.len()),
    }
}
