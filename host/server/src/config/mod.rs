//! What the operator decides, read once at start. Only this module reads the environment.

mod development;
mod environment;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use chancery_credential::keys::{Algorithm, Master};
use chancery_store::embedded::BinarySearch;
use ipnet::IpNet;
use url::Url;
use zeroize::Zeroizing;

pub use development::DevOptions;

/// Everything that a host is told from outside.
pub struct Config {
    /// Where wallets, verifiers and managers connect (`CHANCERY_LISTEN`).
    pub listen: SocketAddr,
    /// Where health and metrics are served, if apart (`CHANCERY_OPS_LISTEN`).
    pub ops_listen: Option<SocketAddr>,
    /// The URL by which the world knows the host; in self-hosted mode it is the issuer identifier
    /// (`CHANCERY_PUBLIC_URL`).
    pub public_url: Url,
    /// Where the host keeps its files (`CHANCERY_DATA`).
    pub data: PathBuf,
    /// Where bundled plugins are (`CHANCERY_PLUGINS`, else `plugins/` beside the program).
    pub plugins: PathBuf,
    /// Whether plugins are compiled and run in processes of their own (`CHANCERY_PLUGIN_PROCESS`, `apart` or `same`).
    pub plugins_apart: bool,
    /// Bytes of their machine code that the process which runs them has at a time (`CHANCERY_PLUGIN_MEMORY`, in MiB).
    pub plugin_memory: usize,
    /// Where tenants live.
    pub database: Database,
    /// The DNS server that is asked for tenants' domains and URLs, if not the machine's (`CHANCERY_DNS`).
    pub dns: Option<SocketAddr>,
    /// Networks that tenants' URLs may lead to although they are not public (`CHANCERY_EGRESS_ALLOW`).
    pub egress_allow: Vec<IpNet>,
    /// How many requests a second of each tenant a process answers, if not as many as come
    /// (`CHANCERY_TENANT_RATE`).
    pub tenant_rate: Option<NonZeroU32>,
    /// Whose `X-Forwarded-*` headers are believed (`CHANCERY_TRUSTED_PROXIES`).
    pub trusted_proxies: Vec<IpNet>,
    /// One tenant or many.
    pub mode: Mode,
    /// Whether `chancery dev` made this up: only then may the public URL be plain http.
    pub development: bool,
}

/// Where tenants live.
pub enum Database {
    /// A private cluster in the data directory, run from binaries found on the machine, or here
    /// (`CHANCERY_POSTGRES`).
    Embedded {
        /// Where to look for them.
        binaries: BinarySearch,
    },
    /// An ordinary PostgreSQL.
    Server {
        /// A role that may create roles (`DATABASE_URL`); used to migrate, then closed.
        admin: Option<Zeroizing<String>>,
        /// The serving roles (`CHANCERY_TENANT_DATABASE_URL`, `CHANCERY_PLATFORM_DATABASE_URL`).
        serving: Option<ServingUrls>,
    },
}

/// How the serving roles connect, where `DATABASE_URL` is not to be used.
pub struct ServingUrls {
    /// As `chancery_tenant`.
    pub tenant: Zeroizing<String>,
    /// As `chancery_platform`.
    pub platform: Zeroizing<String>,
}

/// One tenant or many (`SAAS_MODE`).
pub enum Mode {
    /// One tenant, with the operator's own key.
    SelfHosted(SelfHosted),
    /// Many tenants, with derived keys.
    Saas(Saas),
}

/// Many tenants.
pub struct Saas {
    /// From which every tenant's keys derive (`ISSUER_MASTER_KEY`).
    pub master: Master,
    /// The one before, while it is being replaced (`ISSUER_PREVIOUS_MASTER_KEY`).
    pub previous_master: Option<Master>,
    /// Tenants are the labels directly below this name (`CHANCERY_PLATFORM_BASE`).
    pub platform_base: Option<String>,
    /// The algorithm of new tenants' keys (`ISSUER_SIGNING_ALG`).
    pub algorithm: Algorithm,
}

/// The one tenant of a self-hosted host.
pub struct SelfHosted {
    /// What people call the issuer (`ISSUER_NAME`).
    pub name: String,
    /// Names the tenant inside; never seen in URLs.
    pub slug: String,
    /// The private key itself (`ISSUER_SIGNING_KEY`): a P-256 scalar or an Ed25519 seed.
    pub signing_key: Zeroizing<[u8; 32]>,
    /// `ISSUER_SIGNING_ALG`.
    pub algorithm: Algorithm,
    /// Seals what is stored; derived from the signing key if absent (`ISSUER_MASTER_KEY`).
    pub master: Option<Master>,
    /// The one before, while it is being replaced (`ISSUER_PREVIOUS_MASTER_KEY`).
    pub previous_master: Option<Master>,
    /// `ISSUER_DID`, else derived from the public URL.
    pub did: Option<String>,
    /// A PEM chain, leaf first (`ISSUER_CERTIFICATE_FILE`).
    pub certificate: Option<String>,
}

/// What is wrong with the configuration, with the fix.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable that must be set is not.
    #[error("{name} is not set: {fix}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What to do.
        fix: &'static str,
    },
    /// A variable is set to something unusable. The value is not repeated: it may be secret.
    #[error("{name} is unusable: {reason}")]
    Unusable {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("failed to use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl ConfigError {
    fn unusable(name: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Unusable { name, reason: reason.to_string() }
    }
}

impl Config {
    /// The one tenant, if there is but one.
    pub fn self_hosted(&self) -> Option<&SelfHosted> {
        match &self.mode {
            Mode::SelfHosted(issuer) => Some(issuer),
            Mode::Saas(_) => None,
        }
    }

    /// What is common to many tenants, if there are many.
    pub fn saas(&self) -> Option<&Saas> {
        match &self.mode {
            Mode::SelfHosted(_) => None,
            Mode::Saas(saas) => Some(saas),
        }
    }

    /// The configuration of `chancery serve`.
    pub fn from_environment() -> Result<Self, ConfigError> {
        environment::read(&|name| std::env::var(name).ok())
    }

    /// The configuration of `chancery dev`: nothing needs to be set, keys are made and kept.
    pub fn development(options: DevOptions) -> Result<Self, ConfigError> {
        development::read(options, &|name| std::env::var(name).ok())
    }
}

/// Reads 64 hexadecimal digits.
fn key_from_hex(name: &'static str, text: &str) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), key.as_mut_slice())
        .map_err(|_| ConfigError::unusable(name, "it must be 32 bytes, as 64 hexadecimal digits"))?;
    Ok(key)
}

/// `plugins/` beside the program.
fn plugins_beside_the_program() -> PathBuf {
    let program = std::env::current_exe().ok();
    program
        .as_deref()
        .and_then(std::path::Path::parent)
        .map_or_else(|| "plugins".into(), |folder| folder.join("plugins"))
}
