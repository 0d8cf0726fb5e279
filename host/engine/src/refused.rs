//! Why a file is no plugin, and what its author can do about it.

use crate::report::Stage;

/// Why a file is no plugin.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refused {
    /// The file is larger than a plugin may be.
    #[error("failed to accept the plugin: it has {found} bytes, at most {allowed} are accepted")]
    TooLarge {
        /// Its size.
        found: usize,
        /// The limit.
        allowed: usize,
    },
    /// The file is something else.
    #[error("failed to accept the plugin: it is not WebAssembly")]
    NotWasm,
    /// The file is compiled machine code, which is never accepted.
    #[error("failed to accept the plugin: it is precompiled; upload the component itself")]
    Precompiled,
    /// The file is a core module.
    #[error(
        "failed to accept the plugin: it is a core module, not a component; `chancery plugin build` makes one"
    )]
    CoreModule,
    /// The file is not valid under the features that the host allows.
    #[error("failed to accept the plugin: it is not valid: {0}")]
    Malformed(String),
    /// The file has more of something than a plugin may have.
    #[error("failed to accept the plugin: it has {found} {what}, at most {allowed} are accepted")]
    TooMuch {
        /// Of what.
        what: String,
        /// How much.
        found: u64,
        /// The limit.
        allowed: u64,
    },
    /// The file does not say who it is, or not in the agreed form.
    #[error("failed to accept the plugin: its `chancery:plugin` section {0}")]
    Manifest(String),
    /// The file wants something that the host does not give to plugins.
    #[error("failed to accept the plugin: it imports `{import}`, {hint}")]
    Import {
        /// The import's name.
        import: String,
        /// What to do about it.
        hint: String,
    },
    /// The file does not implement the hook that it names.
    #[error("failed to accept the plugin: it does not export `{0}`")]
    MissingExport(String),
    /// The file implements more than the hook that it names.
    #[error("failed to accept the plugin: it exports `{export}` beside its hook, {hook}")]
    ForeignExport {
        /// The export's name.
        export: String,
        /// The hook of its manifest.
        hook: String,
    },
    /// The examples that it carries are not in the agreed form.
    #[error("failed to accept the plugin: its `chancery:vectors` section {0}")]
    Vectors(String),
    /// The compiler refused it.
    #[error("failed to compile the plugin: {0}")]
    Compile(String),
    /// The process that compiles or runs plugins was lost meanwhile. Nothing is known against the plugin.
    #[error("failed to load the plugin: {0}")]
    Lost(String),
    /// The compiler broke on it.
    #[error("failed to compile the plugin: the compiler panicked on it")]
    CompilerPanicked,
    /// An instance of it does not fit into what a call has.
    #[error("failed to accept the plugin: an instance of it needs {found} {what}, a call has {allowed}")]
    Resources {
        /// Of what.
        what: String,
        /// How much.
        found: u64,
        /// The limit.
        allowed: u64,
    },
    /// An import or export has another type than the contract says.
    #[error("failed to accept the plugin: it was built against another contract: {0}")]
    Contract(String),
}

impl Refused {
    /// Where it was stopped.
    pub const fn stage(&self) -> Stage {
        match self {
            Self::TooLarge { .. } => Stage::Size,
            Self::NotWasm | Self::Precompiled | Self::CoreModule | Self::TooMuch { .. } => Stage::Structure,
            Self::Malformed(_) => Stage::Validation,
            Self::Manifest(_) => Stage::Manifest,
            Self::Import { .. } => Stage::Imports,
            Self::MissingExport(_) | Self::ForeignExport { .. } => Stage::Exports,
            Self::Vectors(_) => Stage::Vectors,
            Self::Compile(_) | Self::CompilerPanicked | Self::Lost(_) => Stage::Compile,
            Self::Resources { .. } => Stage::Resources,
            Self::Contract(_) => Stage::Link,
        }
    }

    /// A stable word for it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::NotWasm => "not-wasm",
            Self::Precompiled => "precompiled",
            Self::CoreModule => "core-module",
            Self::Malformed(_) => "malformed",
            Self::TooMuch { .. } => "too-much",
            Self::Manifest(_) => "manifest",
            Self::Import { .. } => "import",
            Self::MissingExport(_) => "missing-export",
            Self::ForeignExport { .. } => "foreign-export",
            Self::Vectors(_) => "vectors",
            Self::Compile(_) => "compile",
            Self::CompilerPanicked => "compiler-panicked",
            Self::Lost(_) => "lost",
            Self::Resources { .. } => "resources",
            Self::Contract(_) => "contract",
        }
    }

    /// What the author can do.
    pub const fn fix(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => {
                "build with optimisation and without debug information; a plugin that brings an interpreter \
                 along says `\"class\": \"interpreted\"` in its manifest"
            }
            Self::NotWasm | Self::Precompiled | Self::CoreModule => {
                "upload the component that `chancery plugin build` makes"
            }
            Self::Malformed(_) => {
                "build with a current toolchain, without threads, 64-bit memory, garbage collection, \
                 exceptions and relaxed SIMD"
            }
            Self::TooMuch { .. } | Self::Resources { .. } => {
                "make it smaller; no plugin should need that much"
            }
            Self::Manifest(_) => "write it as the SDK's `export!` does, from `Cargo.toml`",
            Self::Import { .. } => {
                "build without what imports it: everything that a decision needs is an argument"
            }
            Self::MissingExport(_) | Self::Contract(_) => "build against the `wit/` of this host's release",
            Self::ForeignExport { .. } => "make two plugins of it: each implements one hook",
            Self::Vectors(_) => "mend the files in `vectors/`; the plugin's own tests read them too",
            Self::Lost(_) => "try again; whoever runs the host finds the cause in its log",
            Self::Compile(_) | Self::CompilerPanicked => {
                "build with a current toolchain; where that does not help, please report it"
            }
        }
    }
}
